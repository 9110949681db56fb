// Generated from spec/flight.toml by build_scripts/generate.py. Do not edit.

import type { CommandCode, ComponentState, LogLevel, V6REventType } from "./constants.js";

/** An amount of memory. `bytes` is NaN where it is unknown, which is not 0. */
export interface MemorySize {
  bytes: number;
  humanReadable: string;
}

/** What the gateway adds: when the event was made (ms since 1970), and whose it is. */
export interface EventOrigin {
  timestamp: number;
  sessionId: string;
  platform: string;
}

/** Data of a `memory-update`. */
export interface MemoryUpdateData extends EventOrigin {
  /** Memory of the machine. */
  total: MemorySize;
  /** Memory in use. */
  used: MemorySize;
  /** Memory that can still be had. */
  available: MemorySize;
  /** What the platform's profile allows. */
  budget: MemorySize;
  /** 1 - largest free block / free. NaN: unknown. */
  fragmentationRatio: number;
}

/** Data of a `component-update`. */
export interface ComponentData extends EventOrigin {
  /** Memory of the component. */
  memoryUsage: MemorySize;
  /** When it was made, in ms since 1970. NaN: unknown. */
  createdAt: number;
  /** What the component does. */
  state: ComponentState;
  /** Text, at most 64 bytes. */
  id: string;
  /** Text, at most 64 bytes. */
  name: string;
  /** Text, at most 32 bytes. */
  version: string;
  /** A bounded JSON object, at most 512 bytes. */
  metadata: Record<string, any>;
}

/** Data of a `system-monitoring`. */
export interface SystemMonitoringData extends EventOrigin {
  /** Memory in use. NaN: unknown. */
  memoryUsedBytes: number;
  /** Since start. NaN: unknown. */
  networkReceivedBytes: number;
  /** Since start. NaN: unknown. */
  networkSentBytes: number;
  /** Events dropped by this client since start. NaN: unknown. */
  droppedEvents: number;
  /** Share of all processors in use. NaN: unknown. */
  cpu: number;
  /** Charge. NaN: unknown. */
  battery: number;
  /** Degrees Celsius. NaN: unknown. */
  temperatureC: number;
  /** Frames drawn. NaN: unknown. */
  framesPerSecond: number;
  /** Share of the send queue in use. NaN: unknown. */
  queueFill: number;
}

/** Data of a `v6r-event`. */
export interface V6RData extends EventOrigin {
  /** What happened to the machine. */
  eventType: V6REventType;
  /** Text, at most 128 bytes. */
  resource: string;
  /** Text, at most 64 bytes. */
  organization?: string;
  /** Text to text, at most 512 bytes. */
  metadata: Record<string, string>;
}

/** Data of a `log`. */
export interface LogData extends EventOrigin {
  /** How bad it is. */
  level: LogLevel;
  /** Text, at most 480 bytes. */
  text: string;
}

/** Data of a `frame-time`. */
export interface FrameTimeData extends EventOrigin {
  /** Shortest frame. */
  minimumUs: number;
  /** Mean. */
  meanUs: number;
  /** Longest frame. */
  maximumUs: number;
  /** Frames folded into this event. */
  count: number;
  /** Frames over the budget. */
  overBudget: number;
}

/** Data of a `payload`. */
export interface PayloadData extends EventOrigin {
  /** The application's own number. */
  kind: number;
  /** Base64, at most 59992 bytes. */
  data: string;
}

/** Data of a `command-request`. */
export interface CommandRequestData extends EventOrigin {
  /** The asker's number of this command: the reply key; the same when it asks again. */
  request: number;
  /** How long after it was made it is worth carrying out; 0 = always. */
  timeoutMs: number;
  /** Text, at most 64 bytes. */
  name: string;
  /** Text, at most 32 bytes. */
  target: string;
  /** Base64, at most 384 bytes. */
  data: string;
}

/** Data of a `command-result`. */
export interface CommandResultData extends EventOrigin {
  /** Of the command that it answers. */
  request: number;
  /** What became of it. */
  code: CommandCode;
  /** Text, at most 32 bytes. */
  asker: string;
  /** Text, at most 120 bytes. */
  text: string;
  /** Base64, at most 320 bytes. */
  data: string;
}

/** The data of every type of event. */
export interface EventDataByType {
  "memory-update": MemoryUpdateData;
  "component-update": ComponentData;
  "system-monitoring": SystemMonitoringData;
  "v6r-event": V6RData;
  "log": LogData;
  "frame-time": FrameTimeData;
  "payload": PayloadData;
  "command-request": CommandRequestData;
  "command-result": CommandResultData;
}

/** Numbers and amounts that may be unknown: null in JSON, NaN here. */
export const MAY_BE_UNKNOWN: Readonly<Record<keyof EventDataByType, readonly string[]>> = {
  "memory-update": ["total", "used", "available", "budget", "fragmentationRatio"],
  "component-update": ["memoryUsage", "createdAt"],
  "system-monitoring": ["memoryUsedBytes", "networkReceivedBytes", "networkSentBytes", "droppedEvents", "cpu", "battery", "temperatureC", "framesPerSecond", "queueFill"],
  "v6r-event": [],
  "log": [],
  "frame-time": [],
  "payload": [],
  "command-request": [],
  "command-result": [],
};
