package realtime

import (
	"regexp"
	"strconv"
)

// ChannelInfo says what a channel is for. A client needs all of the permissions; with none nobody may.
type ChannelInfo struct {
	ID string `json:"id"`

	ChannelType ChannelType `json:"channelType"`

	RequiredPermissions []string `json:"requiredPermissions"`

	Metadata map[string]string `json:"metadata"`
}

// CreateMemoryUpdatesChannel is the channel on which machines report their memory; Metadata["updateInterval"] is this
// platform's, in ms, as text.
func CreateMemoryUpdatesChannel(platform string) (ChannelInfo, error) {
	found, err := profileOf(platform)
	if err != nil {
		return ChannelInfo{}, err
	}
	name := string(ChannelTypeMemoryUpdates)
	metadata := map[string]string{"platform": platform, "updateInterval": strconv.Itoa(found.updateInterval)}
	return ChannelInfo{name, ChannelTypeMemoryUpdates, []string{name}, metadata}, nil
}

var channelName = regexp.MustCompile(`^[a-z0-9._/-]{1,64}$`)

func checkChannel(name string) error {
	if channelName.MatchString(name) {
		return nil
	}
	return callerError("the name of the channel is not valid", name, "use 1 to 64 of a-z, 0-9, '.', '-', '_' and '/'")
}

var channelPattern = regexp.MustCompile(`^[a-z0-9._/-]{0,63}\*$`)

// checkChannels takes a pattern too: a beginning of names and a `*`.
func checkChannels(name string) error {
	if channelPattern.MatchString(name) {
		return nil
	}
	return checkChannel(name)
}

// ChannelOf is the channel that carries this type of event where nothing else is said, "" where there is none.
func ChannelOf(event EventType) string {
	for _, known := range knownChannels {
		if known.event == string(event) {
			return known.name
		}
	}
	return ""
}

func isCriticalChannel(name string) bool {
	for _, known := range knownChannels {
		if known.name == name {
			return known.critical
		}
	}
	return false
}
