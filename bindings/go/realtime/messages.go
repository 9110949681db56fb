package realtime

import (
	"fmt"
	"time"
)

// RetryConfig says how often a message that was refused goes again, and after how long. An outage spends nothing.
type RetryConfig struct {
	MaxRetries int `json:"maxRetries"`

	RetryIntervalMs int `json:"retryIntervalMs"`
}

// MessageRouting says whether a message is acknowledged, and how it is sent again.
type MessageRouting struct {
	RequiresAck bool `json:"requiresAck"`

	RetryConfig RetryConfig `json:"retryConfig"`
}

// RealtimeMessage is a message with a text of the application's own. Timestamp is in ms since 1970.
type RealtimeMessage struct {
	ID string `json:"id"`

	MessageType string `json:"messageType"`

	Timestamp int64 `json:"timestamp"`

	Platform string `json:"platform"`

	Payload string `json:"payload"`

	Priority MessagePriority `json:"priority"`

	Routing MessageRouting `json:"routing"`
}

func (p MessagePriority) known() bool {
	switch p {
	case MessagePriorityLow, MessagePriorityNormal, MessagePriorityHigh, MessagePriorityCritical:
		return true
	}
	return false
}

// CreateMessageRouting is how a message of this priority is sent: with the platform's retries, none for an unknown platform.
// A critical message is always acknowledged.
func CreateMessageRouting(platform string, priority MessagePriority, requiresAck bool) MessageRouting {
	routing := MessageRouting{RequiresAck: requiresAck || priority == MessagePriorityCritical}
	if found, err := profileOf(platform); err == nil {
		routing.RetryConfig = RetryConfig{found.maxRetries, found.retryIntervalMs}
	}
	return routing
}

// ValidateRealtimeMessage looks at structure, size of the payload for the platform, and age; the error says what is wrong.
// The age is asked of those whose platform has a clock: hosts.
func ValidateRealtimeMessage(message RealtimeMessage, now time.Time) error {
	if message.ID == "" || message.MessageType == "" || message.Timestamp == 0 {
		return callerError("ID, MessageType or Timestamp is missing", message.ID, "fill them in")
	}
	found, err := profileOf(message.Platform)
	if err != nil {
		return err
	}
	if limit := GetMaxPayloadSize(message.Platform); len(message.Payload) > limit {
		what := fmt.Sprintf("the payload is larger than the %d bytes that %s takes", limit, message.Platform)
		return callerError(what, len(message.Payload), "send less at once")
	}
	if found.memoryConstraint != "host" {
		return nil
	}
	ageMs := now.UnixMilli() - message.Timestamp
	if ageMs > MaxMessageAgeMs || -ageMs > MaxMessageFutureMs {
		return callerError("the message is too old, or dated ahead", fmt.Sprintf("%d ms", ageMs), "make it anew")
	}
	return nil
}
