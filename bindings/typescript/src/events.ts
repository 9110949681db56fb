/** Events as programs see them, and how they are told apart. */

import { EventType } from "./generated/constants.js";
import { humanReadable as humanReadableOf } from "./utils.js";
import { MAY_BE_UNKNOWN, type EventDataByType, type EventOrigin, type MemorySize } from "./generated/event_data.js";

/** An event of one type. */
export interface EventOf<Type extends EventType> {
  type: Type;
  data: EventDataByType[Type];
}

export type MemoryUpdateEvent = EventOf<"memory-update">;
export type ComponentEvent = EventOf<"component-update">;
export type V6REvent = EventOf<"v6r-event">;
export type SystemMonitoringEvent = EventOf<"system-monitoring">;
export type LogEvent = EventOf<"log">;
export type FrameTimeEvent = EventOf<"frame-time">;
export type PayloadEvent = EventOf<"payload">;
export type CommandRequestEvent = EventOf<"command-request">;
export type CommandResultEvent = EventOf<"command-result">;

/** Any event: `type` says which `data` it has. */
export type RealtimeEvent = { [Type in EventType]: EventOf<Type> }[EventType];

type Given<Value> = Value extends MemorySize ? { bytes: number; humanReadable?: string } : Value;
type GivenData<Data> = { [Name in Exclude<keyof Data, keyof EventOrigin>]?: Given<Data[Name]> } & Partial<EventOrigin>;

/** An event to publish: what is left out is unknown, or now; the gateway says by name what it cannot do without. */
export type EventToPublish = { [Type in EventType]: { type: Type; data: GivenData<EventDataByType[Type]> } }[EventType];

export const isMemoryUpdateEvent = (event: RealtimeEvent): event is MemoryUpdateEvent => event.type === "memory-update";
export const isComponentEvent = (event: RealtimeEvent): event is ComponentEvent => event.type === "component-update";
export const isV6REvent = (event: RealtimeEvent): event is V6REvent => event.type === "v6r-event";
export const isSystemMonitoringEvent = (event: RealtimeEvent): event is SystemMonitoringEvent =>
  event.type === "system-monitoring";
export const isLogEvent = (event: RealtimeEvent): event is LogEvent => event.type === "log";
export const isFrameTimeEvent = (event: RealtimeEvent): event is FrameTimeEvent => event.type === "frame-time";
export const isPayloadEvent = (event: RealtimeEvent): event is PayloadEvent => event.type === "payload";
export const isCommandRequestEvent = (event: RealtimeEvent): event is CommandRequestEvent =>
  event.type === "command-request";
export const isCommandResultEvent = (event: RealtimeEvent): event is CommandResultEvent =>
  event.type === "command-result";

export function isEventType(name: unknown): name is EventType {
  return Object.values(EventType).some((known) => known === name);
}

const MEMORY: ReadonlySet<string> = new Set(["total", "used", "available", "budget", "memoryUsage"]);

function readMemory(value: unknown): MemorySize {
  const { bytes, humanReadable } = (value ?? {}) as { bytes?: unknown; humanReadable?: unknown };
  const known = typeof bytes === "number" ? bytes : NaN;
  return { bytes: known, humanReadable: typeof humanReadable === "string" ? humanReadable : humanReadableOf(known) };
}

/**
 * An event from its JSON; undefined for a type that this version does not know, and for what is no event.
 * A number that is unknown is null there, and NaN here: every comparison with NaN is false, and no sum with it looks right.
 */
export function readEvent(json: unknown): RealtimeEvent | undefined {
  const { type, data } = (json ?? {}) as { type?: unknown; data?: unknown };
  if (!isEventType(type) || typeof data !== "object" || data === null) return undefined;
  const read: Record<string, unknown> = { ...(data as object) };
  for (const name of MAY_BE_UNKNOWN[type]) {
    const value = read[name];
    const memory = MEMORY.has(name);
    if (memory) read[name] = readMemory(value);
    else if (typeof value !== "number") read[name] = NaN;
  }
  return { type, data: read } as unknown as RealtimeEvent;
}
