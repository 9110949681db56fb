// The guide's Quick Start: its imports, calls and names, in a program of our own.
import {
  createFlightCoreClientInfo,
  createMemoryUpdatesChannel,
  getPlatformCapabilities,
  ConnectionState,
  MessagePriority,
  RealtimeEvent,
} from "@flight/realtime-types";

const clientInfo = createFlightCoreClientInfo("dreamcast", "1.0.0");
console.log("Platform capabilities:", clientInfo.capabilities);

const memoryChannel = createMemoryUpdatesChannel("dreamcast");
console.log("Update interval:", memoryChannel.metadata.updateInterval);

export function handleMemoryUpdate(event: RealtimeEvent): string {
  if (event.type !== "memory-update") return "something else";
  const snapshot = event.data;
  const usage = `${snapshot.used.humanReadable}/${snapshot.total.humanReadable}`;
  return snapshot.fragmentationRatio > 0.3 ? `${usage}, fragmented: ${snapshot.fragmentationRatio}` : usage;
}

console.log(
  handleMemoryUpdate({
    type: "memory-update",
    data: {
      timestamp: 1,
      sessionId: "77b0c1d2",
      platform: "dreamcast",
      total: { bytes: 16777216, humanReadable: "16MB" },
      used: { bytes: 8808038, humanReadable: "8.4MB" },
      available: { bytes: NaN, humanReadable: "unknown" },
      budget: { bytes: NaN, humanReadable: "unknown" },
      fragmentationRatio: 0.35,
    },
  }),
);
console.log(getPlatformCapabilities("psp").length, ConnectionState.Connected, MessagePriority.Critical);
