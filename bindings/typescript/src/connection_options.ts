/** What a connection and a publish() may be told, and what is wrong with it. */

import type { ClientInfo } from "./client_info.js";
import type { WebSocketConstructor } from "./client/stream.js";
import type { Surroundings } from "./client/surroundings.js";
import { callerError } from "./errors.js";
import { MessagePriority, type ConnectionState } from "./generated/constants.js";
import type { RetryConfig } from "./messages.js";
import type { PlatformProfile } from "./platform.js";

export interface ConnectionOptions {
  /** Of the gateway; by default the page's own origin, else http://127.0.0.1:8080. */
  address?: string;
  /** One device has one session. By default the one that the token names, else a random one. */
  deviceId?: string;
  /** Given: WebSocket first, then polling, and back when it works again. Node.js before 22 has none of its own: give the one of the package `ws`. */
  webSocket?: WebSocketConstructor;
  /** Between two polls when nothing is urgent, in ms; by default the platform's. */
  updateInterval?: number;
  /**
   * How long the gateway may hold the reply to a poll while it has nothing to say, in ms; 0: it answers at once. By default 25 s, and
   * 0 on platforms that poll by nature, or where updateInterval is given.
   */
  holdMs?: number;
  /** How long establishConnection() tries, in ms; 0: for ever. By default the platform's. */
  timeoutMs?: number;
  /** Heard from the first attempt on. */
  onState?: (change: StateChange) => void;
  /** What the machine gives; tests put in their own. */
  surroundings?: Partial<Surroundings>;
}

export interface StateChange {
  state: ConnectionState;
  /** A sentence; "" where all is well. */
  reason: string;
  /** Until the next attempt, in ms; 0 where none is planned. */
  nextAttemptMs: number;
}

export interface PublishOptions {
  /** Stored once, acknowledged, and sent again after a cut. By default what the channel says. */
  critical?: boolean;
  priority?: "low" | "normal" | "high" | "critical";
  /** Of critical events that the gateway could not store. */
  retry?: RetryConfig;
  /** After so many ms they are not sent any more, and rejected with the code `expired`. By default they wait for ever. */
  expiresMs?: number;
}

/** What the gateway holds a reply at most. */
const HOLD_MS = 25_000;

export function holdOf(options: ConnectionOptions, profile: PlatformProfile): number {
  const polls = profile.connectionMode === "polling" || options.updateInterval !== undefined;
  return options.holdMs ?? (polls ? 0 : HOLD_MS);
}

/** Throws for what cannot be, before anything is begun. */
export function checkGiven(clientInfo: unknown, token: unknown, options: ConnectionOptions): void {
  if (typeof token !== "string" || token === "") {
    throw callerError("there is no token", token ?? "undefined", "make one with `flight gateway --print-token`");
  }
  const { clientType, platform, version, capabilities } = (clientInfo ?? {}) as Partial<ClientInfo>;
  if (typeof clientType !== "string" || typeof platform !== "string" || typeof version !== "string" || !Array.isArray(capabilities)) {
    throw callerError("this is no ClientInfo", clientInfo, "give clientType, platform, version and capabilities");
  }
  for (const name of ["updateInterval", "holdMs", "timeoutMs"] as const) checkMs(name, options[name]);
  if (options.deviceId !== undefined && (typeof options.deviceId !== "string" || options.deviceId === "")) {
    throw callerError("deviceId is no text", options.deviceId, "give a name, or leave it out");
  }
  if (options.webSocket !== undefined && typeof options.webSocket !== "function") {
    throw callerError("webSocket is no class", options.webSocket, "give WebSocket, or that of the package ws");
  }
}

export function checkPublish({ priority, retry, expiresMs }: PublishOptions): void {
  checkMs("expiresMs", expiresMs);
  if (priority !== undefined && !Object.values(MessagePriority).includes(priority)) {
    throw callerError("unknown priority", priority, `use one of: ${Object.values(MessagePriority).join(", ")}`);
  }
  if (retry === undefined) return;
  checkMs("retry.retryIntervalMs", retry.retryIntervalMs);
  if (!(Number.isInteger(retry.maxRetries) && retry.maxRetries >= 0)) {
    throw callerError("retry.maxRetries is no number of times", retry.maxRetries, "give 0 or more");
  }
}

/** Beyond 24.8 days timers fire at once. */
function checkMs(name: string, value: unknown): void {
  if (value === undefined || (typeof value === "number" && value >= 0 && value < 2 ** 31)) return;
  throw callerError(`${name} is no time in ms`, value, "give a number from 0 to 2147483647");
}

export function addressOf(given: unknown): string {
  const page = (globalThis as { location?: { origin?: string } }).location?.origin;
  const address = given ?? page ?? "http://127.0.0.1:8080";
  const bare = typeof address === "string" ? address.replace(/\/+$/, "") : "";
  if (/^https?:\/\/[^/?#@\s]+$/.test(bare)) return bare;
  const shown = typeof address === "string" && address.includes("@") ? "(hidden: it may hold a secret)" : address;
  throw callerError("the address is none of a gateway", shown, "write http://HOST:PORT or https://HOST:PORT");
}
