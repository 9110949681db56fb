/** flight.v1.json over a WebSocket of the machine's, or of a package's where there is none (Node.js before 22). */

import { JSON_SUBPROTOCOL, STREAM_PATH } from "../generated/constants.js";
import { gatewayError, linkError, peerError, RealtimeError } from "../errors.js";
import type { PlatformProfile } from "../platform.js";
import type { Link, LinkEvents, Message } from "./link.js";
import { readMessage } from "./reading.js";
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
  readonly #socket: WebSocketLike | undefined;
  #closed: () => void = () => {};
  #timer: unknown;
  #silences = 0;
  #over = false;
  #welcomed = false;

  constructor(
    WebSocket: WebSocketConstructor,
    private readonly around: Surroundings,
    private readonly address: string,
    profile: PlatformProfile,
    public token: string,
    hello: Message,
    private readonly events: LinkEvents,
  ) {
    const limitMs = profile.connectTimeoutMs;
    this.#timer = around.setTimeout(() => this.#end(linkError(`no WebSocket within ${limitMs} ms`, address)), limitMs);
    const socket = opened(WebSocket, address);
    this.#socket = socket;
    if (socket === undefined) {
      // Told later, as everything else: the connection does not know this link yet.
      around.clearTimeout(this.#timer);
      this.#timer = around.setTimeout(() => this.#end(linkError("the WebSocket could not be made", address)), 0);
      return;
    }
    socket.onopen = () => {
      this.#watch();
      this.send(hello);
    };
    socket.onmessage = ({ data }: { data: unknown }) => this.#heard(data);
    socket.onerror = () => {};
    socket.onclose = ({ code }: { code?: number }) =>
      this.#end(linkError(`the WebSocket ended with ${code ?? "no code"}`, this.address));
  }

  send(message: Message): void {
    try {
      this.#socket?.send(JSON.stringify(message));
    } catch (error) {
      this.#end(linkError("the WebSocket takes nothing", error));
    }
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#closed = resolve;
      if (this.#over) return resolve();
      this.#over = true;
      this.around.clearTimeout(this.#timer);
      this.send({ type: "close" });
      this.#socket?.close();
      if (this.#socket === undefined) resolve();
    });
  }

  abort(): void {
    this.#over = true;
    this.around.clearTimeout(this.#timer);
    const socket = this.#socket as (WebSocketLike & { terminate?: () => void }) | undefined;
    if (socket === undefined) return;
    socket.onmessage = null;
    // The package `ws` can cut at once; a browser does so when the other side says nothing.
    if (typeof socket.terminate === "function") socket.terminate();
    else socket.close();
  }

  #heard(data: unknown): void {
    if (this.#over) return;
    this.#silences = 0;
    try {
      const message = readMessage(data);
      if (!this.#welcomed && message.type === "error") throw gatewayError(message);
      if (!this.#welcomed && message.type !== "welcome") {
        throw peerError("the hello was not answered by a welcome", message, "look at what answers at that address");
      }
      this.#welcomed = true;
      this.events.onMessage(message);
    } catch (error) {
      this.#end(error instanceof RealtimeError ? error : linkError("the WebSocket failed", error));
    }
  }

  #watch(): void {
    this.around.clearTimeout(this.#timer);
    this.#timer = this.around.setTimeout(() => {
      this.#silences += 1;
      if (this.#silences > 2) return this.#end(linkError("the gateway is silent", this.address));
      this.#watch();
      if (this.#silences > 1) this.send({ type: "ping" });
    }, SILENCE_MS);
  }

  #end(error: RealtimeError): void {
    this.around.clearTimeout(this.#timer);
    this.#closed();
    if (this.#over) return;
    this.#over = true;
    this.#socket?.close();
    this.events.onEnd(error);
  }
}

/** Whether a WebSocket can be had now: one is opened, and closed again before it says who we are. */
export function streamWorks(
  WebSocket: WebSocketConstructor,
  around: Surroundings,
  address: string,
  limitMs: number,
): { answer: Promise<boolean>; stop: () => void } {
  let stop = (): void => {};
  const answer = new Promise<boolean>((resolve) => {
    const socket = opened(WebSocket, address);
    if (socket === undefined) return resolve(false);
    const end = (works: boolean): void => {
      around.clearTimeout(timer);
      socket.onopen = socket.onclose = null;
      socket.onerror = () => {};
      socket.close();
      resolve(works);
    };
    const timer = around.setTimeout(() => end(false), limitMs);
    stop = () => end(false);
    socket.onopen = () => end(true);
    socket.onerror = () => {};
    socket.onclose = () => end(false);
  });
  return { answer, stop: () => stop() };
}

/** undefined where the constructor refuses, as one does for http pages' rules or a wrong class. */
function opened(WebSocket: WebSocketConstructor, address: string): WebSocketLike | undefined {
  try {
    return new WebSocket(address.replace(/^http/, "ws") + STREAM_PATH, [JSON_SUBPROTOCOL]);
  } catch {
    return undefined;
  }
}
