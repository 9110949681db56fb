package realtime

// ClientInfo is what a client says of itself. It may announce less than its platform can do, never more.
type ClientInfo struct {
	ClientType ClientType `json:"clientType"`

	Platform string `json:"platform"`

	// Version of the program, 1 to 16 bytes.
	Version string `json:"version"`

	Capabilities []string `json:"capabilities"`
}

// CreateFlightCoreClientInfo is what a console or a board says of itself, with everything that its platform can do.
func CreateFlightCoreClientInfo(platform, version string) (ClientInfo, error) {
	found, err := profileOf(platform)
	if err != nil {
		return ClientInfo{}, err
	}
	kind := ClientType(found.clientType)
	if kind != ClientTypeFlightCoreNative {
		return ClientInfo{}, callerError("the platform is of the type "+found.clientType+", no console", platform,
			"write the ClientInfo yourself")
	}
	return ClientInfo{kind, platform, version, GetPlatformCapabilities(platform)}, nil
}
