package realtime

import "time"

// outgoing is a message to the gateway.
type outgoing map[string]any

// incoming is a message of the gateway: every field that some message has. What is not known is passed over.
type incoming struct {
	Type string `json:"type"`

	ID string `json:"id"`

	Channel string `json:"channel"`

	Epoch string `json:"epoch"`

	Offset int64 `json:"offset"`

	PreviousOffset *int64 `json:"previousOffset"`

	DeviceID string `json:"deviceId"`

	Platform string `json:"platform"`

	Critical bool `json:"critical"`

	ReceivedAt int64 `json:"receivedAt"`

	Events []Event `json:"events"`

	Incarnation string `json:"incarnation"`

	Mark int64 `json:"mark"`

	Status string `json:"status"`

	Stored int `json:"stored"`

	LeftOut map[string]int `json:"leftOut"`

	Reason string `json:"reason"`

	After int64 `json:"after"`

	To int64 `json:"to"`

	Code string `json:"code"`

	Fault string `json:"fault"`

	Fatal bool `json:"fatal"`

	Message string `json:"message"`

	Value string `json:"value"`

	NextStep string `json:"nextStep"`

	RetryAfterMs int64 `json:"retryAfterMs"`

	GraceMs int64 `json:"graceMs"`

	Error *incoming `json:"error"`
}

// asError reads an `error` of the gateway.
func (m *incoming) asError() *Error {
	fault := FaultPeer
	if m.Fault == string(FaultCaller) {
		fault = FaultCaller
	}
	after := time.Duration(m.RetryAfterMs) * time.Millisecond
	if after < 0 || after > 24*time.Hour { // a longer wait would be a mistake
		after = 0
	}
	what, next := m.Message, m.NextStep
	if what == "" {
		what = "the gateway refused without a reason"
	}
	if next == "" {
		next = "look at the gateway's log"
	}
	return &Error{Fault: fault, Code: m.Code, What: what, Value: m.Value, NextStep: next, Fatal: m.Fatal, RetryAfter: after}
}
