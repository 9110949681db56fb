/**
 * flight.v1.json over HTTP polling. Requests are numbered: one whose reply was lost goes again with its number, and is
 * answered again without being carried out twice. So a cut costs nothing while the gateway keeps the session.
 *
 * Long polling: a request that carries nothing says how long its reply may be held. When something is to be sent meanwhile
 * the held request is given up and goes again with its number, which ends the hold: two requests on two ways could arrive in
 * the wrong order.
 */

import { POLL_PATH } from "../generated/constants.js";
import { gatewayError, linkError, peerError, RealtimeError } from "../errors.js";
import type { PlatformProfile } from "../platform.js";
import type { Backoff } from "./backoff.js";
import type { Link, LinkEvents, Message } from "./link.js";
import { readReply, REPLY_BYTES, type Reply } from "./reading.js";
import { Pause, type Surroundings } from "./surroundings.js";

/** What one request may carry; the gateway takes 131,072 bytes, and a character has three at most. */
const BODY_CHARACTERS = 40_000;

export interface PollingLimits {
  profile: PlatformProfile;
  updateIntervalMs: number;
  /** How long the gateway may hold a reply; 0: not at all. */
  holdMs: number;
  backoff: Backoff;
}

export class PollingLink implements Link {
  readonly transport = "polling";
  readonly #queue: Message[] = [];
  readonly #pause: Pause;
  #key = "";
  #number = 0;
  #over = false;
  #closing = false;
  #request: AbortController | undefined;
  #held = false;
  #interrupted = false;
  #resting = false;
  #running: Promise<void>;

  constructor(
    private readonly around: Surroundings,
    private readonly address: string,
    private readonly limits: PollingLimits,
    public token: string,
    hello: Message,
    private readonly events: LinkEvents,
  ) {
    this.#pause = new Pause(around);
    this.#running = this.#run(hello);
  }

  send(message: Message): void {
    this.#queue.push(message);
    this.#wake();
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#key !== "") this.send({ type: "close" });
    this.#wake();
    this.#pause.wake();
    await this.#running;
  }

  abort(): void {
    this.#closing = true;
    this.#over = true;
    this.#request?.abort();
    this.#pause.wake();
  }

  #wake(): void {
    if (this.#held) {
      this.#interrupted = true;
      this.#request?.abort();
    }
    if (this.#resting) this.#pause.wake(); // what waits behind a failed attempt waits its time
  }

  async #run(hello: Message): Promise<void> {
    try {
      const reply = await this.#post(hello, 0);
      const first = reply.messages[0];
      if (first?.type === "error") throw gatewayError(first);
      if (!reply.pollKey || first?.type !== "welcome") throw peerError("the hello was not answered by a welcome", first, "look at what answers at that address");
      this.#key = reply.pollKey;
      this.#tell(reply.messages);
      while (!this.#over && !(this.#closing && this.#queue.length === 0)) await this.#turn();
    } catch (error) {
      if (!this.#closing) this.events.onEnd(error instanceof RealtimeError ? error : linkError("polling failed", error));
    } finally {
      this.#over = true;
    }
  }

  async #turn(): Promise<void> {
    const messages = this.#take();
    const holdMs = messages.length === 0 ? this.limits.holdMs : 0;
    const begunAt = this.around.now();
    const request = { pollKey: this.#key, token: this.token, number: ++this.#number, messages };
    const reply = await this.#exchange(request, holdMs);
    this.#tell(reply.messages);
    if (messages.some((message) => message.type === "close")) this.#over = true;
    const more = reply.messages.some((message) => message.type === "events");
    if (this.#over || this.#closing || this.#queue.length > 0) return;
    // A reply that was held has waited already; one that was not, though it might have been, must not make us run.
    const heldMs = holdMs > 0 ? Math.max(0, this.around.now() - begunAt) : 0;
    const waitMs = more ? this.limits.profile.pollFloorMs : this.limits.updateIntervalMs;
    if (waitMs <= heldMs) return;
    this.#resting = true;
    await this.#pause.wait(waitMs - heldMs);
    this.#resting = false;
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
  async #exchange(request: object, holdMs: number): Promise<Reply> {
    let hold = holdMs;
    let troubled = false;
    for (;;) {
      try {
        const reply = await this.#post(request, hold);
        if (troubled) this.events.onRecovered();
        return reply;
      } catch (error) {
        hold = 0;
        if (this.#over) throw error;
        if (this.#interrupted) continue;
        const cause = error as RealtimeError;
        const again = cause.fault === "link" || cause.code === "busy" || cause.code === "too-many";
        if (!again || this.#closing) throw cause;
        troubled = true;
        const waitMs = this.limits.backoff.nextMs(cause.retryAfterMs);
        this.events.onTrouble(cause, waitMs);
        await this.#pause.wait(waitMs);
        if (this.#closing) throw cause;
      }
    }
  }

  async #post(body: object, holdMs: number): Promise<Reply> {
    const abort = new AbortController();
    const limitMs = this.limits.profile.connectTimeoutMs + holdMs;
    const timer = this.around.setTimeout(() => abort.abort(), limitMs);
    this.#request = abort;
    this.#interrupted = false;
    this.#held = holdMs > 0;
    try {
      const response = await this.around.fetch(this.address + POLL_PATH, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...(holdMs > 0 ? { Prefer: `wait=${Math.floor(holdMs / 1000)}` } : {}) },
        body: JSON.stringify(body),
        redirect: "manual", // a token is not carried on to another server
        signal: abort.signal,
      });
      return replyOf(response, await textOf(response));
    } catch (error) {
      if (error instanceof RealtimeError) throw error;
      const what = abort.signal.aborted ? `no answer within ${limitMs} ms` : "no gateway answers";
      throw linkError(`${what} at ${this.address}`, error, "start one with `flight gateway`, or give its address");
    } finally {
      this.#held = false;
      this.around.clearTimeout(timer);
      this.#request = undefined;
    }
  }

  #tell(messages: Message[]): void {
    for (const message of messages) this.events.onMessage(message);
  }
}

/** The whole body, never more than the limit. */
async function textOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > REPLY_BYTES) {
      void reader.cancel().catch(() => undefined);
      throw peerError("the reply is too large", `over ${REPLY_BYTES} bytes`, "look at what answers at that address");
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** What is in a reply; a RealtimeError where that is a refusal, or none of a gateway. */
function replyOf(response: Response, text: string): Reply {
  const { status, type } = response;
  if (status === 200) return readReply(text);
  if (type === "opaqueredirect" || (status >= 300 && status < 400)) {
    throw peerError("the address answers with a redirect", response.headers.get("Location") ?? status, "give the address that it leads to");
  }
  let refusal: Message | undefined;
  try {
    refusal = readReply(text).messages[0];
  } catch {
    // It is not of a gateway.
  }
  if (refusal !== undefined) throw gatewayError(refusal);
  // A proxy whose gateway is away says so; the session may live on.
  if (status >= 500 || status === 408 || status === 429) throw linkError("something before the gateway refused", `status ${status}`);
  throw peerError("the answer is none of a gateway", `status ${status}`, "look at what answers at that address");
}
