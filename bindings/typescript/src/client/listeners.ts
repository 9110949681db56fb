/** Functions of the application that hear of something; one that throws harms nobody else. */

import { callerError } from "../errors.js";

export class Listeners<Value> {
  readonly #calls = new Set<(value: Value) => void>();

  get size(): number {
    return this.#calls.size;
  }

  /** The answer takes it away again. */
  add(call: (value: Value) => void): () => void {
    if (typeof call !== "function") throw callerError("the listener is no function", call, "give (value) => ...");
    this.#calls.add(call);
    return () => void this.#calls.delete(call);
  }

  tell(value: Value): void {
    for (const call of [...this.#calls]) {
      try {
        call(value);
      } catch (error) {
        console.error("a listener threw; the connection goes on:", error);
      }
    }
  }
}
