/** flight.v1.json over a WebSocket of the machine's, or of a package's where there is none (Node.js before 22). */

import { JSON_SUBPROTOCOL, STREAM_PATH } from "../generated/constants.js";
import { linkError } from "../errors.js";
import type { PlatformProfile } from "../platform.js";
import type { Link, LinkEvents, Message } from "./link.js";
import type { Surroundings } from "./surroundings.js";

/** What is used of a WebSocket: the standard one fits, and that of the package `ws`. */
export interface WebSocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** A silent stream is asked whether it lives, and after twice this taken for dead. */
const SILENCE_MS = 10_000;

export class StreamLink implements Link {
  readonly transport = "websocket";
  readonly #socket: WebSocketLike;
  #closed: () => void = () => {};
  #timer: unknown;
  #silences = 0;
  #over = false;

  constructor(
    WebSocket: WebSocketConstructor,
    private readonly around: Surroundings,
    private readonly address: string,
    profile: PlatformProfile,
    public token: string,
    hello: Message,
    private readonly events: LinkEvents,
  ) {
    const socket = new WebSocket(address.replace(/^http/, "ws") + STREAM_PATH, [JSON_SUBPROTOCOL]);
    this.#socket = socket;
    this.#timer = around.setTimeout(() => this.#end("the WebSocket did not open in time"), profile.connectTimeoutMs);
    socket.onopen = () => {
      this.#watch();
      socket.send(JSON.stringify(hello));
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      this.#silences = 0;
      if (!this.#over) this.events.onMessage(JSON.parse(String(data)) as Message);
    };
    socket.onerror = () => {};
    socket.onclose = ({ code }: { code?: number }) => this.#end(`the WebSocket ended with ${code ?? "no code"}`);
  }

  send(message: Message): void {
    this.#socket.send(JSON.stringify(message));
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closed = resolve;
      if (this.#over) return resolve();
      this.#over = true;
      this.around.clearTimeout(this.#timer);
      try {
        this.#socket.send(JSON.stringify({ type: "close" }));
      } catch {
        // It was not open yet.
      }
      this.#socket.close();
    });
  }

  #watch(): void {
    this.around.clearTimeout(this.#timer);
    this.#timer = this.around.setTimeout(() => {
      this.#silences += 1;
      if (this.#silences > 2) return this.#end("the gateway is silent");
      if (this.#silences > 1) this.send({ type: "ping" });
      this.#watch();
    }, SILENCE_MS);
  }

  #end(what: string): void {
    this.around.clearTimeout(this.#timer);
    this.#closed();
    if (this.#over) return;
    this.#over = true;
    this.#socket.close();
    this.events.onEnd(linkError(what, this.address));
  }
}
