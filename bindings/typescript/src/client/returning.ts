/**
 * The way back from polling to the WebSocket: it is tried from time to time on a connection of its own, and when it opens the
 * session moves. A WebSocket that soon dies again makes the waits longer.
 */

import { PROBE_BASE_MS, PROBE_CAP_MS, PROBE_FIRST_MS, UPGRADE_HEALTHY_MS } from "../generated/constants.js";
import { streamWorks, type WebSocketConstructor } from "./stream.js";
import type { Surroundings } from "./surroundings.js";

export class Returning {
  #waitMs = PROBE_FIRST_MS;
  #timer: unknown;
  #probe: { stop: () => void } | undefined;
  #round = 0;

  constructor(
    private readonly webSocket: WebSocketConstructor,
    private readonly around: Surroundings,
    private readonly address: string,
    private readonly limitMs: number,
    private readonly goBack: () => void,
  ) {}

  /** We poll. */
  start(): void {
    this.stop();
    this.#timer = this.around.setTimeout(() => this.#try(), this.#waitMs);
  }

  /** We do not, or not any more. */
  stop(): void {
    this.#round += 1;
    this.around.clearTimeout(this.#timer);
    this.#probe?.stop();
    this.#probe = undefined;
  }

  /** A WebSocket lived so long. */
  lived(ms: number): void {
    if (ms >= UPGRADE_HEALTHY_MS) this.#waitMs = PROBE_FIRST_MS;
  }

  #try(): void {
    const round = this.#round;
    const probe = streamWorks(this.webSocket, this.around, this.address, this.limitMs);
    this.#probe = probe;
    this.#waitMs = Math.min(PROBE_CAP_MS, Math.max(PROBE_BASE_MS, 2 * this.#waitMs));
    void probe.answer.then((works) => {
      if (round !== this.#round) return;
      this.#probe = undefined;
      if (works) this.goBack();
      else this.start();
    });
  }
}
