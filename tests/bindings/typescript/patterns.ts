// The guide's examples without React: configuration, secure connections, validation, pressure, loss prevention, errors, doubles.
import {
  ChannelInfo,
  ChannelType,
  ClientInfo,
  ComponentEvent,
  Connection,
  ConnectionState,
  MAX_MESSAGE_AGE_MS,
  MemoryUpdateEvent,
  MessagePriority,
  PlatformConfig,
  RealtimeMessage,
  V6REvent,
  clearEventHistory,
  establishConnection,
  getMaxPayloadSize,
  getMemoryConstraint,
  getPlatformConfig,
  sendToDeadLetterQueue,
  setMaxQueueSize,
  validateRealtimeMessage,
} from "@flight/realtime-types";

type Chosen = Pick<
  PlatformConfig,
  "platform" | "memoryConstraint" | "connectionMode" | "updateInterval" | "maxRetries" | "capabilities"
>;

const configs: Chosen[] = [
  {
    platform: "dreamcast",
    memoryConstraint: "16MB",
    connectionMode: "polling",
    updateInterval: 5000,
    maxRetries: 1,
    capabilities: ["basic-messaging", "memory-updates"],
  },
  {
    platform: "psp",
    memoryConstraint: "32MB",
    connectionMode: "polling",
    updateInterval: 3000,
    maxRetries: 2,
    capabilities: ["basic-messaging", "memory-updates", "component-events"],
  },
  {
    platform: "vita",
    memoryConstraint: "512MB",
    connectionMode: "wifi",
    updateInterval: 1000,
    maxRetries: 3,
    capabilities: ["basic-messaging", "memory-updates", "component-events", "system-monitoring"],
  },
];
for (const wanted of configs) {
  const found = getPlatformConfig(wanted.platform) as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(wanted)) {
    if (JSON.stringify(found[name]) !== JSON.stringify(value)) throw new Error(`${wanted.platform}.${name}`);
  }
}

// The guide's own interfaces: what the package gives may stand where they are asked for.
interface GuideMemoryUpdate {
  type: "memory-update";
  data: {
    timestamp: number;
    sessionId: string;
    platform: string;
    total: { bytes: number; humanReadable: string };
    used: { bytes: number; humanReadable: string };
    available: { bytes: number; humanReadable: string };
    fragmentationRatio: number;
  };
}
interface GuideComponent {
  type: "component-update";
  data: {
    id: string;
    name: string;
    version: string;
    state: "active" | "inactive" | "error";
    platform: string;
    memoryUsage: { bytes: number; humanReadable: string };
    createdAt: number;
    metadata: Record<string, any>;
  };
}
interface GuideMachine {
  type: "v6r-event";
  data: {
    eventType: "vm-created" | "vm-started" | "vm-stopped" | "vm-deleted" | "vm-scaling";
    resource: string;
    organization?: string;
    timestamp: number;
    metadata: Record<string, string>;
  };
}
export const asTheGuideHasThem: {
  memory: (event: MemoryUpdateEvent) => GuideMemoryUpdate;
  component: (event: ComponentEvent) => GuideComponent;
  machine: (event: V6REvent) => GuideMachine;
} = { memory: (event) => event, component: (event) => event, machine: (event) => event };

// Troubleshooting: the longer times of the Dreamcast are those of its profile.
for (const platform of ["dreamcast", "vita"]) {
  const connectionConfig = {
    timeout: platform === "dreamcast" ? 30000 : 10000,
    retryInterval: platform === "dreamcast" ? 5000 : 1000,
  };
  const { connectTimeoutMs, retryIntervalMs } = getPlatformConfig(platform);
  if (connectTimeoutMs !== connectionConfig.timeout || retryIntervalMs !== connectionConfig.retryInterval) {
    throw new Error(`${platform}: ${connectTimeoutMs}, ${retryIntervalMs}`);
  }
}

const memory: MemoryUpdateEvent["data"]["fragmentationRatio"] = 0.25;
const component: ComponentEvent["data"]["state"] = "active";
const machine: V6REvent["data"]["eventType"] = "vm-scaling";

const secureChannel: ChannelInfo = {
  id: "secure-admin-channel",
  channelType: ChannelType.SystemMonitoring,
  requiredPermissions: ["admin", "system-monitoring"],
  metadata: {},
};

export async function connectSecurely(clientInfo: ClientInfo, platform: string, authToken: string): Promise<Connection> {
  const connection = await establishConnection(clientInfo, platform, authToken);
  return connection;
}

// The guide's own check, beside ours.
function checkByHand(message: RealtimeMessage): boolean {
  if (!message.id || !message.messageType || !message.timestamp) return false;
  if (message.payload.length > getMaxPayloadSize(message.platform)) return false;
  return Date.now() - message.timestamp <= MAX_MESSAGE_AGE_MS;
}

const criticalMessage: RealtimeMessage = {
  id: "message-1",
  messageType: "component-update",
  timestamp: Date.now(),
  platform: "vita",
  payload: "{}",
  priority: MessagePriority.Critical,
  routing: { requiresAck: true, retryConfig: { maxRetries: 3, retryIntervalMs: 2000 } },
};
const old = { ...criticalMessage, platform: "web", timestamp: Date.now() - MAX_MESSAGE_AGE_MS - 1000 };
const dated = { ...criticalMessage, timestamp: 1 }; // by a console's clock, which nobody asks
const large = { ...criticalMessage, platform: "psp", payload: "x".repeat(getMaxPayloadSize("psp") + 1) };
const messages = [criticalMessage, old, large, { ...criticalMessage, id: "" }];
console.log("valid:", messages.map((message) => validateRealtimeMessage(message)).join(" "), validateRealtimeMessage(dated));
console.log("by hand:", messages.map(checkByHand).join(" "));

declare const global: { gc?: () => void };

export function handleMemoryPressure(platform: string): void {
  if (platform === "dreamcast" || platform === "psp") {
    clearEventHistory();
    setMaxQueueSize(10);
    if (global.gc) global.gc();
  }
}

export class ErrorHandler {
  static handleConnectionError(error: Error, platform: string): string {
    if (platform === "dreamcast") return "fallback-to-polling";
    return platform === "vita" ? "retry-with-backoff" : `default-recovery${error.message && ""}`;
  }

  static handleMessageError(message: RealtimeMessage, error: Error): void {
    console.error({ messageId: message.id, messageType: message.messageType, error: error.message });
    if (message.priority === MessagePriority.Critical) sendToDeadLetterQueue(message);
  }
}

const sent: unknown[] = [];
handleMemoryPressure("psp");
export const mockConnection: Pick<Connection, "id" | "state"> & { send(what: unknown): void; close(): void } = {
  id: "test-connection",
  state: ConnectionState.Connected,
  send: (what) => void sent.push(what),
  close: () => {},
};
console.log(memory, component, machine, secureChannel.channelType, getMemoryConstraint("psp"));
