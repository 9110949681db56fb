// Generated from spec/flight.toml by build_scripts/generate.py. Do not edit.

/** What kind of program a client is. */
export const ClientType = {
  FlightCoreNative: "flight-core-native",
  V6rCloud: "v6r-cloud",
  WebBrowser: "web-browser",
  HostTool: "host-tool",
} as const;
export type ClientType = (typeof ClientType)[keyof typeof ClientType];

/** The channels that every tool knows, by what travels on them. */
export const ChannelType = {
  MemoryUpdates: "memory-updates",
  ComponentEvents: "component-events",
  SystemMonitoring: "system-monitoring",
  V6rEvents: "v6r-events",
  Log: "log",
  FrameTime: "frame-time",
  Commands: "commands",
  CommandResults: "command-results",
} as const;
export type ChannelType = (typeof ChannelType)[keyof typeof ChannelType];

/** What goes first, the lowest first here; `critical` is also acknowledged. */
export const MessagePriority = {
  Low: "low",
  Normal: "normal",
  High: "high",
  Critical: "critical",
} as const;
export type MessagePriority = (typeof MessagePriority)[keyof typeof MessagePriority];

/** Where a client stands, as its user sees it. */
export const ConnectionState = {
  Disconnected: "disconnected",
  Connecting: "connecting",
  Connected: "connected",
  Reconnecting: "reconnecting",
  Closed: "closed",
  Failed: "failed",
} as const;
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

/** How a platform reaches a gateway: `wifi` is sockets first, then polling. */
export const ConnectionMode = {
  Polling: "polling",
  Wifi: "wifi",
  Websocket: "websocket",
} as const;
export type ConnectionMode = (typeof ConnectionMode)[keyof typeof ConnectionMode];

/** What a client can do; a device may announce less than its profile, never more. */
export const Capability = {
  BasicMessaging: "basic-messaging",
  MemoryUpdates: "memory-updates",
  ComponentEvents: "component-events",
  SystemMonitoring: "system-monitoring",
  V6rEvents: "v6r-events",
  PollingMode: "polling-mode",
} as const;
export type Capability = (typeof Capability)[keyof typeof Capability];

/** What a component of a program does. */
export const ComponentState = {
  Active: "active",
  Inactive: "inactive",
  Error: "error",
} as const;
export type ComponentState = (typeof ComponentState)[keyof typeof ComponentState];

/** What happened to a virtual machine. */
export const V6REventType = {
  VmCreated: "vm-created",
  VmStarted: "vm-started",
  VmStopped: "vm-stopped",
  VmDeleted: "vm-deleted",
  VmScaling: "vm-scaling",
} as const;
export type V6REventType = (typeof V6REventType)[keyof typeof V6REventType];

/** What became of a command. */
export const CommandCode = {
  Done: "done",
  Failed: "failed",
  Unknown: "unknown",
} as const;
export type CommandCode = (typeof CommandCode)[keyof typeof CommandCode];

/** How bad a line of a log is, the mildest first. */
export const LogLevel = {
  Debug: "debug",
  Info: "info",
  Warning: "warning",
  Error: "error",
} as const;
export type LogLevel = (typeof LogLevel)[keyof typeof LogLevel];

/** The types of events, one for each layout of the specification. */
export const EventType = {
  MemoryUpdate: "memory-update",
  ComponentUpdate: "component-update",
  SystemMonitoring: "system-monitoring",
  V6rEvent: "v6r-event",
  Log: "log",
  FrameTime: "frame-time",
  Payload: "payload",
  CommandRequest: "command-request",
  CommandResult: "command-result",
} as const;
export type EventType = (typeof EventType)[keyof typeof EventType];

/** The protocol that this client speaks. */
export const JSON_SUBPROTOCOL = "flight.v1.json";

/** Where a gateway takes WebSockets. */
export const STREAM_PATH = "/v1/stream";

/** Where a gateway takes polling requests. */
export const POLL_PATH = "/v1/poll";

/** Older messages are refused: an age on the wire cannot say more. */
export const MAX_MESSAGE_AGE_MS = 32766000;

/** How far ahead a peer's clock may be. */
export const MAX_MESSAGE_FUTURE_MS = 60000;

/** The longest name of a device. */
export const DEVICE_ID_BYTES = 32;

/** How often a critical event goes again that could not be stored. */
export const RETRY_COUNT = 3;

/** ... each time this much later. */
export const RETRY_INTERVAL_MS = 2000;

/** The first attempt after a break comes within this. */
export const RECONNECT_SPREAD_MS = 250;

/** Only a connection that lived this long resets the backoff. */
export const HEALTHY_MS = 10000;

/** After a step down to polling the WebSocket is tried again after this. */
export const PROBE_FIRST_MS = 5000;

/** ... then after this, and twice as long each time. */
export const PROBE_BASE_MS = 30000;

/** ... and this at most. */
export const PROBE_CAP_MS = 600000;

/** A WebSocket that lived this long makes the waits short again. */
export const UPGRADE_HEALTHY_MS = 60000;

/** close() ends within this. */
export const CLOSE_WAIT_MS = 1000;

/** Dead letters that are kept. */
export const LETTER_EVENTS = 256;

/** What a console keeps queued under pressure. */
export const PRESSURE_QUEUE_EVENTS = 10;

/** What a channel that every tool knows carries, and whether its events are critical by default. */
export interface KnownChannel {
  readonly event: EventType;
  readonly critical: boolean;
}

/** By the name of the channel. */
export const KNOWN_CHANNELS: Readonly<Record<string, KnownChannel>> = {
  "memory-updates": { event: "memory-update", critical: false },
  "component-events": { event: "component-update", critical: true },
  "system-monitoring": { event: "system-monitoring", critical: false },
  "v6r-events": { event: "v6r-event", critical: true },
  "log": { event: "log", critical: false },
  "frame-time": { event: "frame-time", critical: false },
  "commands": { event: "command-request", critical: true },
  "command-results": { event: "command-result", critical: true },
};

/** What the specification sets for each platform. Times in ms; max_connections 0 means any number. */
export const PLATFORM_PROFILES = {
  "dreamcast": {
    platform: "dreamcast",
    clientType: "flight-core-native",
    memoryConstraint: "16MB",
    connectionMode: "polling",
    updateInterval: 5000,
    maxRetries: 1,
    retryIntervalMs: 5000,
    connectTimeoutMs: 30000,
    connectRetryIntervalMs: 5000,
    backoffFloorMs: 250,
    backoffCapMs: 10000,
    pollFloorMs: 500,
    maxPayloadBytes: 512,
    maxConnections: 1,
    historyEvents: 16,
    capabilities: ["basic-messaging", "memory-updates"],
    billingEnabled: false,
    subscriptionTier: "",
  },
  "psp": {
    platform: "psp",
    clientType: "flight-core-native",
    memoryConstraint: "32MB",
    connectionMode: "polling",
    updateInterval: 3000,
    maxRetries: 2,
    retryIntervalMs: 3000,
    connectTimeoutMs: 10000,
    connectRetryIntervalMs: 1000,
    backoffFloorMs: 250,
    backoffCapMs: 10000,
    pollFloorMs: 250,
    maxPayloadBytes: 896,
    maxConnections: 0,
    historyEvents: 32,
    capabilities: ["basic-messaging", "memory-updates", "component-events"],
    billingEnabled: false,
    subscriptionTier: "",
  },
  "vita": {
    platform: "vita",
    clientType: "flight-core-native",
    memoryConstraint: "512MB",
    connectionMode: "wifi",
    updateInterval: 1000,
    maxRetries: 3,
    retryIntervalMs: 1000,
    connectTimeoutMs: 10000,
    connectRetryIntervalMs: 1000,
    backoffFloorMs: 250,
    backoffCapMs: 10000,
    pollFloorMs: 100,
    maxPayloadBytes: 8000,
    maxConnections: 0,
    historyEvents: 128,
    capabilities: ["basic-messaging", "memory-updates", "component-events", "system-monitoring"],
    billingEnabled: false,
    subscriptionTier: "",
  },
  "v6r-cloud": {
    platform: "v6r-cloud",
    clientType: "v6r-cloud",
    memoryConstraint: "host",
    connectionMode: "websocket",
    updateInterval: 1000,
    maxRetries: 3,
    retryIntervalMs: 1000,
    connectTimeoutMs: 10000,
    connectRetryIntervalMs: 1000,
    backoffFloorMs: 250,
    backoffCapMs: 30000,
    pollFloorMs: 50,
    maxPayloadBytes: 60000,
    maxConnections: 0,
    historyEvents: 1024,
    capabilities: ["basic-messaging", "memory-updates", "component-events", "system-monitoring", "v6r-events"],
    billingEnabled: false,
    subscriptionTier: "",
  },
  "web": {
    platform: "web",
    clientType: "web-browser",
    memoryConstraint: "host",
    connectionMode: "websocket",
    updateInterval: 1000,
    maxRetries: 3,
    retryIntervalMs: 1000,
    connectTimeoutMs: 10000,
    connectRetryIntervalMs: 1000,
    backoffFloorMs: 250,
    backoffCapMs: 30000,
    pollFloorMs: 50,
    maxPayloadBytes: 60000,
    maxConnections: 0,
    historyEvents: 1024,
    capabilities: ["basic-messaging", "memory-updates", "component-events", "system-monitoring", "v6r-events"],
    billingEnabled: false,
    subscriptionTier: "",
  },
  "host": {
    platform: "host",
    clientType: "host-tool",
    memoryConstraint: "host",
    connectionMode: "websocket",
    updateInterval: 1000,
    maxRetries: 3,
    retryIntervalMs: 1000,
    connectTimeoutMs: 10000,
    connectRetryIntervalMs: 1000,
    backoffFloorMs: 250,
    backoffCapMs: 10000,
    pollFloorMs: 50,
    maxPayloadBytes: 60000,
    maxConnections: 0,
    historyEvents: 1024,
    capabilities: ["basic-messaging", "memory-updates", "component-events", "system-monitoring", "v6r-events"],
    billingEnabled: false,
    subscriptionTier: "",
  },
  "micro": {
    platform: "micro",
    clientType: "flight-core-native",
    memoryConstraint: "256KB",
    connectionMode: "wifi",
    updateInterval: 3000,
    maxRetries: 2,
    retryIntervalMs: 3000,
    connectTimeoutMs: 10000,
    connectRetryIntervalMs: 1000,
    backoffFloorMs: 250,
    backoffCapMs: 30000,
    pollFloorMs: 250,
    maxPayloadBytes: 512,
    maxConnections: 0,
    historyEvents: 8,
    capabilities: ["basic-messaging", "memory-updates", "component-events"],
    billingEnabled: false,
    subscriptionTier: "",
  },
} as const;

/** The names of the platforms. */
export type PlatformName = keyof typeof PLATFORM_PROFILES;
