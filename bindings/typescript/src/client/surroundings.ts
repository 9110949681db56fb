/** What a connection needs from the machine; tests give their own. */

export interface Surroundings {
  fetch: typeof fetch;
  random: () => number;
  now: () => number;
  setTimeout: (call: () => void, ms: number) => unknown;
  clearTimeout: (timer: any) => void;
}

export const MACHINE: Surroundings = {
  fetch: (input, init) => globalThis.fetch(input, init),
  random: Math.random,
  now: () => Date.now(),
  setTimeout: (call, ms) => globalThis.setTimeout(call, ms),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
};

/** A wait that can be cut short. */
export class Pause {
  #wake: (() => void) | undefined;

  constructor(private readonly around: Surroundings) {}

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.around.setTimeout(() => this.wake(), ms);
      this.#wake = () => {
        this.around.clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  wake(): void {
    this.#wake?.();
  }
}
