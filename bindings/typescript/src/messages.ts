/** Messages in the guide's form, their routing, and whether one may be sent. */

import { MAX_MESSAGE_AGE_MS, MAX_MESSAGE_FUTURE_MS, MessagePriority } from "./generated/constants.js";
import { callerError } from "./errors.js";
import { getMaxPayloadSize, platformProfile } from "./platform.js";

/** How often a message that was refused goes again, and after how long. An outage spends nothing. */
export interface RetryConfig {
  maxRetries: number;
  retryIntervalMs: number;
}

export interface MessageRouting {
  requiresAck: boolean;
  retryConfig: RetryConfig;
}

export interface RealtimeMessage {
  id: string;
  /** For Connection.send(): a type of event. */
  messageType: string;
  /** When it was made, in ms since 1970. */
  timestamp: number;
  platform: string;
  /** For Connection.send(): the event's data as JSON. */
  payload: string;
  priority: MessagePriority;
  routing: MessageRouting;
}

/** How a message of this priority is sent: with the platform's retries. A critical one is always acknowledged. */
export function createMessageRouting(platform: string, priority: MessagePriority, requiresAck: boolean): MessageRouting {
  const { maxRetries, retryIntervalMs } = platformProfile(platform);
  if (!Object.values(MessagePriority).includes(priority)) {
    throw callerError("unknown priority", priority, `use one of: ${Object.values(MessagePriority).join(", ")}`);
  }
  const critical = priority === MessagePriority.Critical;
  return { requiresAck: requiresAck || critical, retryConfig: { maxRetries, retryIntervalMs } };
}

/** Why a message may not be sent; undefined where it may. Its age is asked of those whose platform has a clock: hosts. */
export function messageFlaw(message: RealtimeMessage, nowMs: number = Date.now()): string | undefined {
  if (typeof message !== "object" || message === null) return "it is no object";
  if (!message.id || !message.messageType || !message.timestamp) return "id, messageType or timestamp is missing";
  if (typeof message.payload !== "string") return "payload is not text";
  const bytes = new TextEncoder().encode(message.payload).length;
  const limit = getMaxPayloadSize(message.platform);
  if (bytes > limit) return `payload has ${bytes} bytes, ${message.platform} takes ${limit}`;
  if (platformProfile(message.platform).memoryConstraint !== "host") return undefined; // a console's clock is not asked
  const ageMs = nowMs - message.timestamp;
  if (!(ageMs <= MAX_MESSAGE_AGE_MS)) return `it is ${ageMs} ms old, the limit is ${MAX_MESSAGE_AGE_MS}`;
  if (-ageMs > MAX_MESSAGE_FUTURE_MS) return `it is dated ${-ageMs} ms ahead, the limit is ${MAX_MESSAGE_FUTURE_MS}`;
  return undefined;
}

/** Structure, size of the payload for the platform, age. False for an unknown platform too. */
export function validateRealtimeMessage(message: RealtimeMessage, nowMs: number = Date.now()): boolean {
  try {
    return messageFlaw(message, nowMs) === undefined;
  } catch {
    return false;
  }
}
