// Time for programs that must not wait.
import type { Surroundings } from "@flight/realtime-types";

declare const setImmediate: (call: (value: unknown) => void) => void;

/** Time stands but for timers, which come in their order, each when nothing else is left to do. */
export class Time {
  now = 1_750_000_000_000;
  readonly #timers = new Map<number, { at: number; call: () => void }>();
  #last = 0;

  readonly surroundings: Partial<Surroundings> = {
    random: () => 0.5,
    now: () => this.now,
    setTimeout: (call, ms) => {
      this.#timers.set(++this.#last, { at: this.now + ms, call });
      return this.#last;
    },
    clearTimeout: (timer) => void this.#timers.delete(timer as number),
  };

  get waiting(): number {
    return this.#timers.size;
  }

  /** Until this holds; false where no timer is left, or none of the next thousand brings it. */
  async until(holds: () => boolean): Promise<boolean> {
    for (let turn = 0; turn < 1000; turn += 1) {
      await this.settled();
      if (holds()) return true;
      const next = [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0];
      if (next === undefined) return false;
      this.#timers.delete(next[0]);
      this.now = Math.max(this.now, next[1].at);
      next[1].call();
    }
    return false;
  }

  /** Everything is done that needs no time. */
  async settled(): Promise<void> {
    for (let pass = 0; pass < 20; pass += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}
