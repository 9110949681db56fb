/** Types of Flight's real-time events, and a small client for flight.v1.json. */

export * from "./generated/constants.js";
export * from "./generated/event_data.js";
export * from "./channels.js";
export * from "./client_info.js";
export * from "./connection.js";
export type { ConnectionOptions, PublishOptions, StateChange } from "./connection_options.js";
export * from "./dead_letters.js";
export * from "./errors.js";
export * from "./events.js";
export * from "./hooks.js";
export * from "./memory.js";
export * from "./messages.js";
export * from "./metrics.js";
export * from "./platform.js";
export * from "./recovery.js";
export { connectionOf, latestConnection } from "./registry.js";
export { humanReadable } from "./utils.js";
export { Backoff, type BackoffLimits } from "./client/backoff.js";
export type { Ack } from "./client/outbox.js";
export type { WebSocketConstructor, WebSocketLike } from "./client/stream.js";
export type { Delivery, EventHandler, Gap, Start } from "./client/subscriptions.js";
export type { Surroundings } from "./client/surroundings.js";
