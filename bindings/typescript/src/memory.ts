/** What a program does when its memory runs low: the guide's three calls, for all connections of this program. */

import { PRESSURE_QUEUE_EVENTS } from "./generated/constants.js";
import { platformProfile } from "./platform.js";
import { allConnections } from "./registry.js";

/** Forget the events that were kept. */
export function clearEventHistory(): void {
  for (const connection of allConnections()) connection.clearEventHistory();
}

/** Keep so many batches waiting; lossy ones above that are given up, and whoever published them hears of it. */
export function setMaxQueueSize(batches: number): void {
  for (const connection of allConnections()) connection.setMaxQueueSize(batches);
}

/** On the small consoles: both of the above, then the garbage collector where it may be called. Elsewhere nothing. */
export function triggerMemoryOptimization(platform: string): boolean {
  const small = platformProfile(platform).platform === "dreamcast" || platform === "psp";
  if (!small) return false;
  clearEventHistory();
  setMaxQueueSize(PRESSURE_QUEUE_EVENTS);
  (globalThis as { gc?: () => void }).gc?.();
  return true;
}
