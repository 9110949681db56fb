// Code generated: generated from spec/flight.toml by build_scripts/generate.py. DO NOT EDIT.

package realtime

// ClientType: what kind of program a client is.
type ClientType string

// ClientTypeFlightCoreNative is "flight-core-native" in JSON.
const ClientTypeFlightCoreNative ClientType = "flight-core-native"

// ClientTypeV6rCloud is "v6r-cloud" in JSON.
const ClientTypeV6rCloud ClientType = "v6r-cloud"

// ClientTypeWebBrowser is "web-browser" in JSON.
const ClientTypeWebBrowser ClientType = "web-browser"

// ClientTypeHostTool is "host-tool" in JSON.
const ClientTypeHostTool ClientType = "host-tool"

// ChannelType: the channels that every tool knows, by what travels on them.
type ChannelType string

// ChannelTypeMemoryUpdates is "memory-updates" in JSON.
const ChannelTypeMemoryUpdates ChannelType = "memory-updates"

// ChannelTypeComponentEvents is "component-events" in JSON.
const ChannelTypeComponentEvents ChannelType = "component-events"

// ChannelTypeSystemMonitoring is "system-monitoring" in JSON.
const ChannelTypeSystemMonitoring ChannelType = "system-monitoring"

// ChannelTypeV6rEvents is "v6r-events" in JSON.
const ChannelTypeV6rEvents ChannelType = "v6r-events"

// ChannelTypeLog is "log" in JSON.
const ChannelTypeLog ChannelType = "log"

// ChannelTypeFrameTime is "frame-time" in JSON.
const ChannelTypeFrameTime ChannelType = "frame-time"

// ChannelTypeCommands is "commands" in JSON.
const ChannelTypeCommands ChannelType = "commands"

// ChannelTypeCommandResults is "command-results" in JSON.
const ChannelTypeCommandResults ChannelType = "command-results"

// MessagePriority: what goes first, the lowest first here; `critical` is also acknowledged.
type MessagePriority string

// MessagePriorityLow is "low" in JSON.
const MessagePriorityLow MessagePriority = "low"

// MessagePriorityNormal is "normal" in JSON.
const MessagePriorityNormal MessagePriority = "normal"

// MessagePriorityHigh is "high" in JSON.
const MessagePriorityHigh MessagePriority = "high"

// MessagePriorityCritical is "critical" in JSON.
const MessagePriorityCritical MessagePriority = "critical"

// ConnectionState: where a client stands, as its user sees it.
type ConnectionState string

// ConnectionStateDisconnected is "disconnected" in JSON.
const ConnectionStateDisconnected ConnectionState = "disconnected"

// ConnectionStateConnecting is "connecting" in JSON.
const ConnectionStateConnecting ConnectionState = "connecting"

// ConnectionStateConnected is "connected" in JSON.
const ConnectionStateConnected ConnectionState = "connected"

// ConnectionStateReconnecting is "reconnecting" in JSON.
const ConnectionStateReconnecting ConnectionState = "reconnecting"

// ConnectionStateClosed is "closed" in JSON.
const ConnectionStateClosed ConnectionState = "closed"

// ConnectionStateFailed is "failed" in JSON.
const ConnectionStateFailed ConnectionState = "failed"

// ConnectionMode: how a platform reaches a gateway: `wifi` is sockets first, then polling.
type ConnectionMode string

// ConnectionModePolling is "polling" in JSON.
const ConnectionModePolling ConnectionMode = "polling"

// ConnectionModeWifi is "wifi" in JSON.
const ConnectionModeWifi ConnectionMode = "wifi"

// ConnectionModeWebsocket is "websocket" in JSON.
const ConnectionModeWebsocket ConnectionMode = "websocket"

// Capability: what a client can do; a device may announce less than its profile, never more.
type Capability string

// CapabilityBasicMessaging is "basic-messaging" in JSON.
const CapabilityBasicMessaging Capability = "basic-messaging"

// CapabilityMemoryUpdates is "memory-updates" in JSON.
const CapabilityMemoryUpdates Capability = "memory-updates"

// CapabilityComponentEvents is "component-events" in JSON.
const CapabilityComponentEvents Capability = "component-events"

// CapabilitySystemMonitoring is "system-monitoring" in JSON.
const CapabilitySystemMonitoring Capability = "system-monitoring"

// CapabilityV6rEvents is "v6r-events" in JSON.
const CapabilityV6rEvents Capability = "v6r-events"

// CapabilityPollingMode is "polling-mode" in JSON.
const CapabilityPollingMode Capability = "polling-mode"

// ComponentState: what a component of a program does.
type ComponentState string

// ComponentStateActive is "active" in JSON.
const ComponentStateActive ComponentState = "active"

// ComponentStateInactive is "inactive" in JSON.
const ComponentStateInactive ComponentState = "inactive"

// ComponentStateError is "error" in JSON.
const ComponentStateError ComponentState = "error"

// V6REventType: what happened to a virtual machine.
type V6REventType string

// V6REventTypeVmCreated is "vm-created" in JSON.
const V6REventTypeVmCreated V6REventType = "vm-created"

// V6REventTypeVmStarted is "vm-started" in JSON.
const V6REventTypeVmStarted V6REventType = "vm-started"

// V6REventTypeVmStopped is "vm-stopped" in JSON.
const V6REventTypeVmStopped V6REventType = "vm-stopped"

// V6REventTypeVmDeleted is "vm-deleted" in JSON.
const V6REventTypeVmDeleted V6REventType = "vm-deleted"

// V6REventTypeVmScaling is "vm-scaling" in JSON.
const V6REventTypeVmScaling V6REventType = "vm-scaling"

// CommandCode: what became of a command.
type CommandCode string

// CommandCodeDone is "done" in JSON.
const CommandCodeDone CommandCode = "done"

// CommandCodeFailed is "failed" in JSON.
const CommandCodeFailed CommandCode = "failed"

// CommandCodeUnknown is "unknown" in JSON.
const CommandCodeUnknown CommandCode = "unknown"

// LogLevel: how bad a line of a log is, the mildest first.
type LogLevel string

// LogLevelDebug is "debug" in JSON.
const LogLevelDebug LogLevel = "debug"

// LogLevelInfo is "info" in JSON.
const LogLevelInfo LogLevel = "info"

// LogLevelWarning is "warning" in JSON.
const LogLevelWarning LogLevel = "warning"

// LogLevelError is "error" in JSON.
const LogLevelError LogLevel = "error"

// EventType: the types of events, one for each layout of the specification.
type EventType string

// EventTypeMemoryUpdate is "memory-update" in JSON.
const EventTypeMemoryUpdate EventType = "memory-update"

// EventTypeComponentUpdate is "component-update" in JSON.
const EventTypeComponentUpdate EventType = "component-update"

// EventTypeSystemMonitoring is "system-monitoring" in JSON.
const EventTypeSystemMonitoring EventType = "system-monitoring"

// EventTypeV6rEvent is "v6r-event" in JSON.
const EventTypeV6rEvent EventType = "v6r-event"

// EventTypeLog is "log" in JSON.
const EventTypeLog EventType = "log"

// EventTypeFrameTime is "frame-time" in JSON.
const EventTypeFrameTime EventType = "frame-time"

// EventTypePayload is "payload" in JSON.
const EventTypePayload EventType = "payload"

// EventTypeCommandRequest is "command-request" in JSON.
const EventTypeCommandRequest EventType = "command-request"

// EventTypeCommandResult is "command-result" in JSON.
const EventTypeCommandResult EventType = "command-result"

// JSONSubprotocol: the protocol that this client speaks.
const JSONSubprotocol = "flight.v1.json"

// StreamPath: where a gateway takes WebSockets.
const StreamPath = "/v1/stream"

// PollPath: where a gateway takes polling requests.
const PollPath = "/v1/poll"

// MaxMessageAgeMs: older messages are refused: an age on the wire cannot say more.
const MaxMessageAgeMs = 32766000

// MaxMessageFutureMs: how far ahead a peer's clock may be.
const MaxMessageFutureMs = 60000

// DeviceIDBytes: the longest name of a device.
const DeviceIDBytes = 32

// RetryCount: how often a critical event goes again that could not be stored.
const RetryCount = 3

// RetryIntervalMs: ... each time this much later.
const RetryIntervalMs = 2000

// ReconnectSpreadMs: the first attempt after a break comes within this.
const ReconnectSpreadMs = 250

// HealthyMs: only a connection that lived this long resets the backoff.
const HealthyMs = 10000

// ProbeFirstMs: after a step down to polling the WebSocket is tried again after this.
const ProbeFirstMs = 5000

// ProbeBaseMs: ... then after this, and twice as long each time.
const ProbeBaseMs = 30000

// ProbeCapMs: ... and this at most.
const ProbeCapMs = 600000

// UpgradeHealthyMs: a WebSocket that lived this long makes the waits short again.
const UpgradeHealthyMs = 60000

// CloseWaitMs: close() ends within this.
const CloseWaitMs = 1000

// LetterEvents: dead letters that are kept.
const LetterEvents = 256

// PressureQueueEvents: what a console keeps queued under pressure.
const PressureQueueEvents = 10

// knownChannel is a channel that every tool knows.
type knownChannel struct {
	name, event string

	critical bool
}

var knownChannels = []knownChannel{
	{"memory-updates", "memory-update", false},
	{"component-events", "component-update", true},
	{"system-monitoring", "system-monitoring", false},
	{"v6r-events", "v6r-event", true},
	{"log", "log", false},
	{"frame-time", "frame-time", false},
	{"commands", "command-request", true},
	{"command-results", "command-result", true},
}

// profile is what the specification sets for a platform. Times in ms.
type profile struct {
	platform string

	clientType string

	memoryConstraint string

	connectionMode string

	updateInterval int

	maxRetries int

	retryIntervalMs int

	connectTimeoutMs int

	connectRetryIntervalMs int

	backoffFloorMs int

	backoffCapMs int

	pollFloorMs int

	maxPayloadBytes int

	maxConnections int

	historyEvents int

	capabilities []string

	billingEnabled bool

	subscriptionTier string
}

var profiles = []profile{
	{
		"dreamcast",
		"flight-core-native",
		"16MB",
		"polling",
		5000,
		1,
		5000,
		30000,
		5000,
		250,
		10000,
		500,
		512,
		1,
		16,
		[]string{"basic-messaging", "memory-updates"},
		false,
		"",
	},
	{
		"psp",
		"flight-core-native",
		"32MB",
		"polling",
		3000,
		2,
		3000,
		10000,
		1000,
		250,
		10000,
		250,
		896,
		0,
		32,
		[]string{"basic-messaging", "memory-updates", "component-events"},
		false,
		"",
	},
	{
		"vita",
		"flight-core-native",
		"512MB",
		"wifi",
		1000,
		3,
		1000,
		10000,
		1000,
		250,
		10000,
		100,
		8000,
		0,
		128,
		[]string{"basic-messaging", "memory-updates", "component-events", "system-monitoring"},
		false,
		"",
	},
	{
		"v6r-cloud",
		"v6r-cloud",
		"host",
		"websocket",
		1000,
		3,
		1000,
		10000,
		1000,
		250,
		30000,
		50,
		60000,
		0,
		1024,
		[]string{"basic-messaging", "memory-updates", "component-events", "system-monitoring", "v6r-events"},
		false,
		"",
	},
	{
		"web",
		"web-browser",
		"host",
		"websocket",
		1000,
		3,
		1000,
		10000,
		1000,
		250,
		30000,
		50,
		60000,
		0,
		1024,
		[]string{"basic-messaging", "memory-updates", "component-events", "system-monitoring", "v6r-events"},
		false,
		"",
	},
	{
		"host",
		"host-tool",
		"host",
		"websocket",
		1000,
		3,
		1000,
		10000,
		1000,
		250,
		10000,
		50,
		60000,
		0,
		1024,
		[]string{"basic-messaging", "memory-updates", "component-events", "system-monitoring", "v6r-events"},
		false,
		"",
	},
	{
		"micro",
		"flight-core-native",
		"256KB",
		"wifi",
		3000,
		2,
		3000,
		10000,
		1000,
		250,
		30000,
		250,
		512,
		0,
		8,
		[]string{"basic-messaging", "memory-updates", "component-events"},
		false,
		"",
	},
}
