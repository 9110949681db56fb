/** What is to be published, looked at before it is queued: what JSON cannot say, or not exactly, is the caller's mistake. */

import { callerError } from "../errors.js";
import { isEventType, type EventToPublish } from "../events.js";
import { EventType } from "../generated/constants.js";

/** Of one batch; the gateway takes 131,072 bytes in a request, and a token has its place there too. */
const BATCH_BYTES = 120_000;

/** A copy as it will go out: what the caller changes later does not change it. */
export function eventsToSend(given: unknown): readonly EventToPublish[] {
  const list: unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === 0) throw callerError("there is nothing to publish", "no events", "give one event or more");
  for (const event of list) checkEvent(event);
  const text = written(list);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > BATCH_BYTES) throw callerError(`the events are larger than ${BATCH_BYTES} bytes`, bytes, "publish fewer at once");
  return JSON.parse(text) as EventToPublish[];
}

function checkEvent(event: unknown): void {
  const { type, data } = (event ?? {}) as { type?: unknown; data?: unknown };
  if (!isEventType(type)) throw callerError("this type of event is not known", type, `use one of: ${Object.values(EventType).join(", ")}`);
  if (typeof data === "object" && data !== null && !Array.isArray(data)) return;
  throw callerError(`the data of a ${type} is no object`, data, "give its fields by their names");
}

function written(list: unknown[]): string {
  try {
    return JSON.stringify(list, (name, value: unknown) => exact(name, value));
  } catch (error) {
    if (error instanceof Error && error.name === "RealtimeError") throw error;
    throw callerError("the events cannot be written as JSON", error, "give plain objects without cycles");
  }
}

/** NaN is what is unknown, null in JSON. */
function exact(name: string, value: unknown): unknown {
  if (typeof value === "bigint") throw callerError(`${name} is a BigInt`, value, "give a number up to 2^53-1");
  if (typeof value !== "number" || Number.isNaN(value)) return value;
  if (!Number.isFinite(value)) throw callerError(`${name} is not finite`, value, "give a number, or NaN where it is unknown");
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value;
  throw callerError(`${name} is beyond 2^53-1, where numbers are not exact`, value, "give a smaller number, or NaN");
}
