/** A connection to a gateway: it carries all channels, comes back by itself, and goes on where it was. */

import { CLOSE_WAIT_MS, ConnectionState, type EventType } from "./generated/constants.js";
import { isCriticalChannel, channelOf, checkChannel } from "./channels.js";
import type { ClientInfo } from "./client_info.js";
import { Backoff } from "./client/backoff.js";
import type { Link, Message } from "./client/link.js";
import { Listeners } from "./client/listeners.js";
import { Outbox, type Ack } from "./client/outbox.js";
import { PollingLink } from "./client/polling.js";
import { Requests } from "./client/requests.js";
import { StreamLink, type WebSocketConstructor } from "./client/stream.js";
import { Subscriptions, type EventHandler, type Gap, type Start } from "./client/subscriptions.js";
import { MACHINE, Pause, type Surroundings } from "./client/surroundings.js";
import { callerError, gatewayError, linkError, RealtimeError } from "./errors.js";
import { isEventType, type EventToPublish, type RealtimeEvent } from "./events.js";
import { messageFlaw, type RealtimeMessage, type RetryConfig } from "./messages.js";
import { platformProfile, type PlatformProfile } from "./platform.js";
import { enrol, strike } from "./registry.js";
import { RealtimeErrorHandler } from "./recovery.js";
import { randomName, subjectOf } from "./utils.js";

export interface ConnectionOptions {
  /** Of the gateway; by default the page's own origin, else http://127.0.0.1:8080. */
  address?: string;
  /** One device has one session. By default the one that the token names, else a random one. */
  deviceId?: string;
  /** Given: WebSocket first, then polling. Node.js before 22 has none of its own: give the one of the package `ws`. */
  webSocket?: WebSocketConstructor;
  /** Between two polls when nothing is urgent, in ms; by default the platform's. */
  updateInterval?: number;
  /** How long establishConnection() tries, in ms; 0: for ever. By default the platform's. */
  timeoutMs?: number;
  /** Heard from the first attempt on. */
  onState?: (change: StateChange) => void;
  /** What the machine gives; tests put in their own. */
  surroundings?: Partial<Surroundings>;
}

export interface StateChange {
  state: ConnectionState;
  /** A sentence; "" where all is well. */
  reason: string;
  /** Until the next attempt, in ms; 0 where none is planned. */
  nextAttemptMs: number;
}

export interface PublishOptions {
  /** Stored once, acknowledged, and sent again after a cut. By default what the channel says. */
  critical?: boolean;
  priority?: "low" | "normal" | "high" | "critical";
  /** Of critical events that the gateway could not store. */
  retry?: RetryConfig;
}

export class Connection {
  readonly id: string;
  readonly deviceId: string;
  readonly address: string;
  state: ConnectionState = ConnectionState.Disconnected;
  /** Why it failed, or what the last trouble was. */
  lastError: RealtimeError | undefined;
  readonly onState = new Listeners<StateChange>();
  readonly onGap = new Listeners<Gap>();
  readonly onError = new Listeners<RealtimeError>();
  /** The session's token is over, or soon: renewToken() within the grace. */
  readonly onTokenEnded = new Listeners<{ graceMs: number }>();
  /** The last events heard, the oldest first; bounded by the platform's history. */
  readonly history: RealtimeEvent[] = [];
  readonly counts = { received: 0, published: 0, refused: 0, reconnects: 0, gaps: 0 };

  readonly #around: Surroundings;
  readonly #profile: PlatformProfile;
  readonly #options: ConnectionOptions;
  readonly #backoff: Backoff;
  readonly #pause: Pause;
  readonly #requests = new Requests();
  readonly #outbox: Outbox;
  readonly #subscriptions: Subscriptions;
  #token: string;
  #link: Link | undefined;
  #stream: boolean;
  #failures = 0;
  #connectedAt = 0;
  #serverHintMs = 0;

  constructor(
    readonly clientInfo: ClientInfo,
    readonly platform: string,
    token: string,
    options: ConnectionOptions = {},
  ) {
    if (typeof token !== "string" || token === "") {
      throw callerError("there is no token", token ?? "undefined", "make one with `flight gateway --print-token`");
    }
    this.#around = { ...MACHINE, ...options.surroundings };
    this.#profile = platformProfile(platform);
    this.#options = options;
    this.#token = token;
    this.#stream = options.webSocket !== undefined;
    this.address = addressOf(options.address);
    this.deviceId = options.deviceId ?? (subjectOf(token) || `${platform}-${randomName(this.#around.random)}`);
    this.#backoff = new Backoff(this.#profile, this.#around.random);
    this.#pause = new Pause(this.#around);
    this.#outbox = new Outbox(this.#around, { ask: (message) => this.#ask(message), beginAnew: () => this.#restart() });
    this.#subscriptions = new Subscriptions({
      ask: (message) => this.#ask(message),
      connected: () => this.state === ConnectionState.Connected,
      onGap: (gap) => {
        this.counts.gaps += 1;
        this.onGap.tell(gap);
      },
      onError: (error) => this.onError.tell(error),
    });
    if (options.onState !== undefined) this.onState.add(options.onState);
    this.id = enrol(this);
  }

  /** Which way it goes now. */
  get transport(): "polling" | "websocket" | "none" {
    return this.#link?.transport ?? "none";
  }

  /** Batches that wait to be stored. */
  get queued(): number {
    return this.#outbox.queued;
  }

  /** Resolves when it is connected for the first time; rejects when that cannot be, or nobody answers in time. */
  open(): Promise<void> {
    const timeoutMs = this.#options.timeoutMs ?? this.#profile.connectTimeoutMs;
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        const error = this.lastError ?? linkError(`no gateway within ${timeoutMs} ms`, this.address);
        void this.close();
        reject(error);
      };
      const timer = timeoutMs > 0 ? this.#around.setTimeout(giveUp, timeoutMs) : undefined;
      const stop = this.onState.add(({ state }) => {
        if (state === ConnectionState.Connected) resolve();
        else if (state === ConnectionState.Failed) reject(this.lastError);
        else if (state !== ConnectionState.Closed) return;
        this.#around.clearTimeout(timer);
        stop();
      });
      this.#turn(ConnectionState.Connecting, "");
      this.#connect();
    });
  }

  /** Hear the events of a channel; the answer stops that again. */
  async subscribe(channel: string, handler: EventHandler, start: Start = "live"): Promise<() => Promise<void>> {
    this.#checkOpen();
    checkChannel(channel);
    const counted: EventHandler = (event, delivery) => {
      this.#note(event);
      handler(event, delivery);
    };
    await this.#subscriptions.add(channel, counted, start);
    return () => this.#subscriptions.remove(channel, counted);
  }

  /** Hear all events of some types, in the channels that every tool knows. */
  async listen(types: readonly EventType[], handler: EventHandler, start: Start = "live"): Promise<() => Promise<void>> {
    const stops = types.map((type) =>
      this.subscribe(channelOf(type), (event, delivery) => void (event.type === type && handler(event, delivery)), start),
    );
    const all = await Promise.all(stops);
    return async () => void (await Promise.all(all.map((stop) => stop())));
  }

  /** How far a channel was heard: a later run gives it as the start of subscribe(). */
  position(channel: string): { epoch: string; offset: number } | undefined {
    return this.#subscriptions.position(channel);
  }

  /** Resolves when the gateway has stored the events. */
  async publish(
    channel: string,
    events: EventToPublish | readonly EventToPublish[],
    options: PublishOptions = {},
  ): Promise<Ack> {
    this.#checkOpen();
    checkChannel(channel);
    const list = Array.isArray(events) ? (events as readonly EventToPublish[]) : [events as EventToPublish];
    const critical = options.critical ?? (options.priority === "critical" || isCriticalChannel(channel));
    const { priority, retry } = options;
    try {
      const ack = await this.#outbox.add({
        channel,
        events: list,
        critical,
        ...(priority === undefined ? {} : { priority }),
        ...(retry === undefined ? {} : { retry }),
      });
      this.counts.published += list.length;
      return ack;
    } catch (error) {
      this.counts.refused += list.length;
      throw error;
    }
  }

  /** Publish a message of the guide's form: its type is a type of event, its payload the event's data as JSON. */
  async send(message: RealtimeMessage, channel?: string): Promise<Ack> {
    const flaw = messageFlaw(message, this.#around.now());
    if (flaw !== undefined) throw callerError(`the message may not be sent: ${flaw}`, message.id, "make it anew");
    const type = message.messageType;
    if (!isEventType(type)) throw callerError("the messageType is no type of event", type, "use one of EventType");
    const { priority, routing } = message;
    const data: unknown = JSON.parse(message.payload);
    const critical = routing.requiresAck || priority === "critical" || isCriticalChannel(channel ?? channelOf(type));
    return this.publish(channel ?? channelOf(type), { type, data } as EventToPublish, {
      critical,
      priority,
      retry: routing.retryConfig,
    });
  }

  /** A new token of the same subject, before the present one ends. */
  async renewToken(token: string): Promise<void> {
    this.#token = token;
    if (this.#link === undefined) return;
    await this.#ask({ type: "token", token });
    this.#link.token = token;
  }

  /** Give up lossy batches that wait, and keep fewer from now on. */
  setMaxQueueSize(batches: number): void {
    if (!(batches >= 1)) throw callerError("the queue needs room for one batch", batches, "give a number from 1 on");
    this.#outbox.maxBatches = batches;
    this.#outbox.trim(batches);
  }

  clearEventHistory(): void {
    this.history.length = 0;
  }

  /** What was published and not stored is refused; the gateway hears goodbye. */
  async close(): Promise<void> {
    if (this.#over()) return;
    this.#turn(ConnectionState.Closed, "close() was called");
    await this.#finish(linkError("the connection was closed", this.address, "make a new one"));
  }

  #over(): boolean {
    return this.state === ConnectionState.Closed || this.state === ConnectionState.Failed;
  }

  #checkOpen(): void {
    if (this.#over()) throw callerError(`the connection is ${this.state}`, this.address, "make a new one");
  }

  #note(event: RealtimeEvent): void {
    this.counts.received += 1;
    this.history.push(event);
    if (this.history.length > this.#profile.historyEvents) this.history.shift();
  }

  #connect(): void {
    const hello: Message = {
      type: "hello",
      deviceId: this.deviceId,
      token: this.#token,
      clientInfo: this.clientInfo,
      ...(this.#outbox.incarnation === "" ? {} : { incarnation: this.#outbox.incarnation }),
    };
    let link: Link | undefined;
    const mine = (call: () => void): void => void ((link === undefined || link === this.#link) && call());
    const events = {
      onMessage: (message: Message) => mine(() => this.#take(message)),
      onTrouble: (error: RealtimeError, waitMs: number) => mine(() => this.#trouble(error, waitMs)),
      onRecovered: () => mine(() => this.#turn(ConnectionState.Connected, "")),
      onEnd: (error: RealtimeError) => mine(() => this.#ended(error)),
    };
    const around = this.#around;
    const interval = this.#options.updateInterval ?? this.#profile.updateInterval;
    link = this.#stream
      ? new StreamLink(this.#options.webSocket!, around, this.address, this.#profile, this.#token, hello, events)
      : new PollingLink(around, this.address, this.#profile, interval, this.#backoff, this.#token, hello, events);
    this.#link = link;
  }

  #ask(message: Message): Promise<Message> {
    return this.#requests.ask((asked) => this.#link?.send(asked), message);
  }

  #take(message: Message): void {
    if (message.type === "welcome") this.#welcome(message);
    else if (this.#requests.answer(message)) return;
    else if (message.type === "error") this.#gatewaySays(gatewayError(message));
    else if (message.type === "token-ended") this.onTokenEnded.tell({ graceMs: Number(message["graceMs"]) });
    else this.#subscriptions.take(message);
  }

  #welcome(message: Message): void {
    if (this.#connectedAt > 0) this.counts.reconnects += 1;
    this.#connectedAt = this.#around.now();
    this.#failures = 0;
    this.#turn(ConnectionState.Connected, "");
    this.#subscriptions.resume();
    this.#outbox.welcome(String(message["incarnation"]), Number(message["mark"]));
  }

  /** An error without an id is about the connection. */
  #gatewaySays(error: RealtimeError): void {
    // Two clients of one name would push each other out for ever.
    if (error.fatal || error.code === "replaced") void this.#failed(error);
    else {
      this.#serverHintMs = error.retryAfterMs;
      this.onError.tell(error);
    }
  }

  #trouble(error: RealtimeError, nextAttemptMs: number): void {
    this.lastError = error;
    const between = this.#connectedAt > 0 ? ConnectionState.Reconnecting : ConnectionState.Connecting;
    this.#turn(between, error.message, nextAttemptMs);
  }

  #ended(error: RealtimeError): void {
    const wasConnected = this.state === ConnectionState.Connected;
    this.#link = undefined;
    if (this.#over()) return;
    if (error.fatal) return void this.#failed(error);
    this.#outbox.pause();
    if (wasConnected) this.#backoff.lived(this.#around.now() - this.#connectedAt);
    else this.#stepDown(error);
    const hintMs = Math.max(error.retryAfterMs, this.#serverHintMs);
    this.#serverHintMs = 0;
    const waitMs = this.#backoff.nextMs(hintMs);
    this.#trouble(error, waitMs);
    this.#requests.cutOff(linkError("the session was lost before an answer came", error.what, "it may have been stored"));
    void this.#pause.wait(waitMs).then(() => void (!this.#over() && this.#connect()));
  }

  /** From WebSocket to polling, after as many failures as the platform allows, or at once where its strategy says so. */
  #stepDown(error: RealtimeError): void {
    this.#failures += 1;
    const strategy = RealtimeErrorHandler.handleConnectionError(error, this.platform);
    if (this.#failures > this.#profile.maxRetries || strategy === "fallback-to-polling") this.#stream = false;
  }

  #restart(): void {
    void this.#link?.close();
    this.#ended(linkError("a critical batch was given up", this.address, "nothing: a new incarnation begins"));
  }

  async #failed(error: RealtimeError): Promise<void> {
    this.lastError = error;
    this.#turn(ConnectionState.Failed, error.message);
    await this.#finish(error);
  }

  async #finish(error: RealtimeError): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    strike(this);
    this.#pause.wake();
    this.#outbox.fail(error);
    this.#subscriptions.fail(error);
    this.#requests.cutOff(error);
    if (link === undefined) return;
    const limit = new Pause(this.#around);
    await Promise.race([link.close().finally(() => limit.wake()), limit.wait(CLOSE_WAIT_MS)]);
  }

  #turn(state: ConnectionState, reason: string, nextAttemptMs = 0): void {
    const same = this.state === state && nextAttemptMs === 0;
    this.state = state;
    if (!same) this.onState.tell({ state, reason, nextAttemptMs });
  }
}

/** The guide's way to a connection: it is connected when this resolves. */
export async function establishConnection(
  clientInfo: ClientInfo,
  platform: string,
  authToken: string,
  options: ConnectionOptions = {},
): Promise<Connection> {
  const connection = new Connection(clientInfo, platform, authToken, options);
  await connection.open();
  return connection;
}

function addressOf(given: string | undefined): string {
  const page = (globalThis as { location?: { origin?: string } }).location?.origin;
  const address = (given ?? page ?? "http://127.0.0.1:8080").replace(/\/+$/, "");
  if (/^https?:\/\/[^/]+$/.test(address)) return address;
  throw callerError("the address is none of a gateway", address, "write http://HOST:PORT or https://HOST:PORT");
}
