/** Requests that wait for the answer with their id. Each ends once: answered, refused, or cut off with the session. */

import { gatewayError, type RealtimeError } from "../errors.js";
import type { Message } from "./link.js";

interface Waiting {
  resolve(answer: Message): void;
  reject(error: RealtimeError): void;
}

export class Requests {
  readonly #waiting = new Map<string, Waiting>();
  #last = 0;
  #whenIdle: (() => void) | undefined;

  ask(send: (message: Message) => void, message: Message): Promise<Message> {
    const id = String(++this.#last);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      send({ ...message, id });
    });
  }

  /** Whether the message was the answer to a request. */
  answer(message: Message): boolean {
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (waiting === undefined) return false;
    this.#waiting.delete(message.id!);
    if (message.type === "error") waiting.reject(gatewayError(message));
    else waiting.resolve(message);
    this.#settle();
    return true;
  }

  cutOff(error: RealtimeError): void {
    const cut = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of cut) reject(error);
    this.#settle();
  }

  /** Once, when nothing waits any more. */
  onIdle(call: () => void): void {
    this.#whenIdle = call;
    this.#settle();
  }

  #settle(): void {
    if (this.#waiting.size > 0 || this.#whenIdle === undefined) return;
    const call = this.#whenIdle;
    this.#whenIdle = undefined;
    call();
  }
}
