// Code generated: generated from spec/flight.toml by build_scripts/generate.py. DO NOT EDIT.

package realtime

// MemoryUpdateData is the data of a memory-update. A nil number is unknown, which is not 0.
type MemoryUpdateData struct {
	EventOrigin

	// Total: memory of the machine.
	Total MemorySize `json:"total"`

	// Used: memory in use.
	Used MemorySize `json:"used"`

	// Available: memory that can still be had.
	Available MemorySize `json:"available"`

	// Budget: what the platform's profile allows.
	Budget MemorySize `json:"budget"`

	// FragmentationRatio: 1 - largest free block / free.
	FragmentationRatio *float64 `json:"fragmentationRatio"`
}

// TypeOfEvent says of which type the event is.
func (*MemoryUpdateData) TypeOfEvent() EventType { return EventTypeMemoryUpdate }

// ComponentData is the data of a component-update. A nil number is unknown, which is not 0.
type ComponentData struct {
	EventOrigin

	// MemoryUsage: memory of the component.
	MemoryUsage MemorySize `json:"memoryUsage"`

	// CreatedAt: when it was made, in ms since 1970.
	CreatedAt *int64 `json:"createdAt"`

	// State: what the component does.
	State ComponentState `json:"state"`

	// ID: text, at most 64 bytes.
	ID string `json:"id"`

	// Name: text, at most 64 bytes.
	Name string `json:"name"`

	// Version: text, at most 32 bytes.
	Version string `json:"version"`

	// Metadata: a bounded JSON object, at most 512 bytes.
	Metadata map[string]any `json:"metadata"`
}

// TypeOfEvent says of which type the event is.
func (*ComponentData) TypeOfEvent() EventType { return EventTypeComponentUpdate }

// SystemMonitoringData is the data of a system-monitoring. A nil number is unknown, which is not 0.
type SystemMonitoringData struct {
	EventOrigin

	// MemoryUsedBytes: memory in use.
	MemoryUsedBytes *int64 `json:"memoryUsedBytes"`

	// NetworkReceivedBytes: since start.
	NetworkReceivedBytes *int64 `json:"networkReceivedBytes"`

	// NetworkSentBytes: since start.
	NetworkSentBytes *int64 `json:"networkSentBytes"`

	// DroppedEvents: events dropped by this client since start.
	DroppedEvents *int64 `json:"droppedEvents"`

	// CPU: share of all processors in use.
	CPU *float64 `json:"cpu"`

	// Battery: charge.
	Battery *float64 `json:"battery"`

	// TemperatureC: degrees Celsius.
	TemperatureC *float64 `json:"temperatureC"`

	// FramesPerSecond: frames drawn.
	FramesPerSecond *float64 `json:"framesPerSecond"`

	// QueueFill: share of the send queue in use.
	QueueFill *float64 `json:"queueFill"`
}

// TypeOfEvent says of which type the event is.
func (*SystemMonitoringData) TypeOfEvent() EventType { return EventTypeSystemMonitoring }

// V6RData is the data of a v6r-event. A nil number is unknown, which is not 0.
type V6RData struct {
	EventOrigin

	// EventType: what happened to the machine.
	EventType V6REventType `json:"eventType"`

	// Resource: text, at most 128 bytes.
	Resource string `json:"resource"`

	// Organization: text, at most 64 bytes.
	Organization *string `json:"organization,omitempty"`

	// Metadata: text to text, at most 512 bytes.
	Metadata map[string]string `json:"metadata"`
}

// TypeOfEvent says of which type the event is.
func (*V6RData) TypeOfEvent() EventType { return EventTypeV6rEvent }

// LogData is the data of a log. A nil number is unknown, which is not 0.
type LogData struct {
	EventOrigin

	// Level: how bad it is.
	Level LogLevel `json:"level"`

	// Text: text, at most 480 bytes.
	Text string `json:"text"`
}

// TypeOfEvent says of which type the event is.
func (*LogData) TypeOfEvent() EventType { return EventTypeLog }

// FrameTimeData is the data of a frame-time. A nil number is unknown, which is not 0.
type FrameTimeData struct {
	EventOrigin

	// MinimumUs: shortest frame.
	MinimumUs int64 `json:"minimumUs"`

	// MeanUs: mean.
	MeanUs int64 `json:"meanUs"`

	// MaximumUs: longest frame.
	MaximumUs int64 `json:"maximumUs"`

	// Count: frames folded into this event.
	Count int64 `json:"count"`

	// OverBudget: frames over the budget.
	OverBudget int64 `json:"overBudget"`
}

// TypeOfEvent says of which type the event is.
func (*FrameTimeData) TypeOfEvent() EventType { return EventTypeFrameTime }

// PayloadData is the data of a payload. A nil number is unknown, which is not 0.
type PayloadData struct {
	EventOrigin

	// Kind: the application's own number.
	Kind int64 `json:"kind"`

	// Data: base64, at most 59992 bytes.
	Data []byte `json:"data"`
}

// TypeOfEvent says of which type the event is.
func (*PayloadData) TypeOfEvent() EventType { return EventTypePayload }

// CommandRequestData is the data of a command-request. A nil number is unknown, which is not 0.
type CommandRequestData struct {
	EventOrigin

	// Request: the asker's number of this command: the reply key; the same when it asks again.
	Request int64 `json:"request"`

	// TimeoutMs: how long after it was made it is worth carrying out; 0 = always.
	TimeoutMs int64 `json:"timeoutMs"`

	// Name: text, at most 64 bytes.
	Name string `json:"name"`

	// Target: text, at most 32 bytes.
	Target string `json:"target"`

	// Data: base64, at most 384 bytes.
	Data []byte `json:"data"`
}

// TypeOfEvent says of which type the event is.
func (*CommandRequestData) TypeOfEvent() EventType { return EventTypeCommandRequest }

// CommandResultData is the data of a command-result. A nil number is unknown, which is not 0.
type CommandResultData struct {
	EventOrigin

	// Request: of the command that it answers.
	Request int64 `json:"request"`

	// Code: what became of it.
	Code CommandCode `json:"code"`

	// Asker: text, at most 32 bytes.
	Asker string `json:"asker"`

	// Text: text, at most 120 bytes.
	Text string `json:"text"`

	// Data: base64, at most 320 bytes.
	Data []byte `json:"data"`
}

// TypeOfEvent says of which type the event is.
func (*CommandResultData) TypeOfEvent() EventType { return EventTypeCommandResult }
