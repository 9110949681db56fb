/**
 * How long to stay away after a failure: full jitter, so that clients that lost one gateway do not come back as one.
 * The first attempt comes within a short spread; each later one anywhere below a ceiling that doubles, never under the floor.
 */

import { HEALTHY_MS, RECONNECT_SPREAD_MS } from "../generated/constants.js";

export interface BackoffLimits {
  readonly connectRetryIntervalMs: number;
  readonly backoffFloorMs: number;
  readonly backoffCapMs: number;
}

export class Backoff {
  #failures = 0;

  constructor(
    private readonly limits: BackoffLimits,
    private readonly random: () => number,
  ) {}

  /** The next wait. hintMs: what the gateway asked for; nobody comes sooner. */
  nextMs(hintMs = 0): number {
    const { connectRetryIntervalMs, backoffFloorMs, backoffCapMs } = this.limits;
    const failures = this.#failures++;
    if (failures === 0) return hintMs + this.random() * RECONNECT_SPREAD_MS;
    const ceilingMs = Math.min(backoffCapMs, connectRetryIntervalMs * 2 ** Math.min(failures - 1, 30));
    return hintMs + Math.max(backoffFloorMs, this.random() * ceilingMs);
  }

  /** A connection ended that lived so long: only a healthy one makes the waits short again. */
  lived(ms: number): void {
    if (ms >= HEALTHY_MS) this.#failures = 0;
  }
}
