package realtime

import "encoding/json"

// MemorySize is an amount of memory. Bytes is nil where it is unknown, which is not 0.
type MemorySize struct {
	Bytes *uint64 `json:"bytes"`

	HumanReadable string `json:"humanReadable,omitempty"`
}

// Memory is a known amount.
func Memory(bytes uint64) MemorySize { return MemorySize{Bytes: &bytes} }

// Known is a number that is known, for the fields that may be unknown.
func Known[Number int64 | float64](value Number) *Number { return &value }

// EventOrigin is what the gateway adds: when the event was made (ms since 1970), and whose it is.
type EventOrigin struct {
	Timestamp int64 `json:"timestamp,omitempty"`

	SessionID string `json:"sessionId,omitempty"`

	Platform string `json:"platform,omitempty"`
}

// EventData is the data of an event: a pointer to one of the structs whose names end in Data.
type EventData interface {
	TypeOfEvent() EventType
}

// Event is one event as it came. Data is read by DataOf.
type Event struct {
	Type EventType `json:"type"`

	Data json.RawMessage `json:"data"`
}

// DataOf reads an event whose data is of this kind; false for an event of another type.
//
//	if data, ok := realtime.DataOf[realtime.MemoryUpdateData](event); ok { ... }
func DataOf[Data any, Pointer interface {
	*Data
	EventData
}](event Event) (*Data, bool) {
	var data Data
	if Pointer(&data).TypeOfEvent() != event.Type {
		return nil, false
	}
	return &data, json.Unmarshal(event.Data, &data) == nil
}
