package realtime

import (
	"context"
	"encoding/json"
	"time"
)

// held is the event in a message: its data is the payload as it stands there.
type held struct {
	json.RawMessage
	kind EventType
}

func (h held) TypeOfEvent() EventType { return h.kind }

// Send publishes a message as an event of its MessageType, with the JSON object in Payload as the event's data. Its priority and
// its retries hold: an empty Routing has none, CreateMessageRouting the platform's. channel: "" is the one that carries this type; a payload has none.
func (c *Connection) Send(ctx context.Context, message RealtimeMessage, channel string) (Ack, error) {
	if err := ValidateRealtimeMessage(message, time.Now()); err != nil {
		return Ack{}, err
	}
	if message.Platform != c.platform.platform {
		return Ack{}, callerError("the message is of another platform than this client", message.Platform, "say "+c.platform.platform)
	}
	kind := EventType(message.MessageType)
	usual := ChannelOf(kind)
	if usual == "" && kind != EventTypePayload {
		return Ack{}, callerError("the MessageType is no type of event", kind, "use one of the constants EventType...")
	}
	if channel == "" {
		channel = usual
	}
	if channel == "" {
		return Ack{}, callerError("no channel is known to carry this type", kind, "name the channel yourself")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(message.Payload), &object); err != nil || object == nil {
		return Ack{}, callerError("the payload is no JSON object", message.Payload, "give the event's data as one")
	}
	retry := message.Routing.RetryConfig
	options := PublishOptions{Critical: message.Routing.RequiresAck, Priority: message.Priority, Retry: &retry}
	return c.Publish(ctx, channel, options, held{json.RawMessage(message.Payload), kind})
}
