/**
 * flight.v1.json over HTTP polling. Requests are numbered: one whose reply was lost goes again with its number, and is
 * answered again without being carried out twice. So a cut costs nothing while the gateway keeps the session.
 */

import { POLL_PATH } from "../generated/constants.js";
import { gatewayError, linkError, RealtimeError } from "../errors.js";
import type { PlatformProfile } from "../platform.js";
import type { Backoff } from "./backoff.js";
import type { Link, LinkEvents, Message } from "./link.js";
import { Pause, type Surroundings } from "./surroundings.js";

/** What one request may carry; the gateway takes 131,072 bytes. */
const BODY_CHARACTERS = 40_000;

interface Reply {
  pollKey?: string;
  messages: Message[];
}

export class PollingLink implements Link {
  readonly transport = "polling";
  readonly #queue: Message[] = [];
  readonly #pause: Pause;
  #key = "";
  #number = 0;
  #over = false;
  #closing = false;
  #running: Promise<void>;

  constructor(
    private readonly around: Surroundings,
    private readonly address: string,
    private readonly profile: PlatformProfile,
    private readonly updateIntervalMs: number,
    private readonly backoff: Backoff,
    public token: string,
    hello: Message,
    private readonly events: LinkEvents,
  ) {
    this.#pause = new Pause(around);
    this.#running = this.#run(hello);
  }

  send(message: Message): void {
    this.#queue.push(message);
    this.#pause.wake();
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#key !== "") this.send({ type: "close" });
    this.#pause.wake();
    await this.#running;
  }

  async #run(hello: Message): Promise<void> {
    try {
      const reply = await this.#post(hello);
      this.#key = reply.pollKey ?? "";
      this.#tell(reply.messages);
      while (!this.#over && !(this.#closing && this.#queue.length === 0)) await this.#turn();
    } catch (error) {
      if (!this.#closing) this.events.onEnd(error instanceof RealtimeError ? error : linkError("polling failed", error));
    }
  }

  async #turn(): Promise<void> {
    const messages = this.#take();
    const request = { pollKey: this.#key, token: this.token, number: ++this.#number, messages };
    const reply = await this.#exchange(request);
    this.#tell(reply.messages);
    if (messages.some((message) => message.type === "close")) this.#over = true;
    const more = reply.messages.some((message) => message.type === "events");
    if (this.#over || this.#closing || this.#queue.length > 0) return;
    await this.#pause.wait(more ? this.profile.pollFloorMs : this.updateIntervalMs);
  }

  #take(): Message[] {
    let characters = 0;
    let count = 0;
    for (const message of this.#queue) {
      characters += JSON.stringify(message).length;
      if (count > 0 && characters > BODY_CHARACTERS) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** The same request until it is answered. */
  async #exchange(request: object): Promise<Reply> {
    for (let troubled = false; ; troubled = true) {
      try {
        const reply = await this.#post(request);
        if (troubled) this.events.onRecovered();
        return reply;
      } catch (error) {
        const cause = error as RealtimeError;
        const again = cause.fault === "link" || cause.code === "busy" || cause.code === "too-many";
        if (!again || this.#closing) throw cause;
        const waitMs = this.backoff.nextMs(cause.retryAfterMs);
        this.events.onTrouble(cause, waitMs);
        await this.#pause.wait(waitMs);
        if (this.#closing) throw cause;
      }
    }
  }

  async #post(body: object): Promise<Reply> {
    const abort = new AbortController();
    const timer = this.around.setTimeout(() => abort.abort(), this.profile.connectTimeoutMs);
    try {
      const response = await this.around.fetch(this.address + POLL_PATH, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: abort.signal,
      });
      const reply = (await response.json()) as Reply;
      if (response.status === 200) return reply;
      throw gatewayError(reply.messages?.[0] ?? { message: `the gateway answered ${response.status}` });
    } catch (error) {
      if (error instanceof RealtimeError) throw error;
      const what = abort.signal.aborted ? `no answer within ${this.profile.connectTimeoutMs} ms` : "no gateway answers";
      throw linkError(`${what} at ${this.address}`, error, "start one with `flight gateway`, or give its address");
    } finally {
      this.around.clearTimeout(timer);
    }
  }

  #tell(messages: Message[]): void {
    for (const message of messages) this.events.onMessage(message);
  }
}
