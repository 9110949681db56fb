/** A connection to a gateway: it carries all channels, comes back by itself, and goes on where it was. */

import { CLOSE_WAIT_MS, ConnectionState, type EventType } from "./generated/constants.js";
import { isCriticalChannel, channelOf, checkChannel, checkChannels } from "./channels.js";
import type { ClientInfo } from "./client_info.js";
import { Backoff } from "./client/backoff.js";
import type { Link, Message } from "./client/link.js";
import { Listeners } from "./client/listeners.js";
import { Outbox, type Ack } from "./client/outbox.js";
import { PollingLink } from "./client/polling.js";
import { Requests } from "./client/requests.js";
import { Returning } from "./client/returning.js";
import { StreamLink } from "./client/stream.js";
import { checkStart, Subscriptions, type EventHandler, type Gap, type Start } from "./client/subscriptions.js";
import { MACHINE, Pause, type Surroundings } from "./client/surroundings.js";
import { eventsToSend } from "./client/writing.js";
import { addressOf, checkGiven, checkPublish, holdOf } from "./connection_options.js";
import type { ConnectionOptions, PublishOptions, StateChange } from "./connection_options.js";
import { callerError, gatewayError, linkError, RealtimeError } from "./errors.js";
import { isEventType, type EventToPublish, type RealtimeEvent } from "./events.js";
import { messageFlaw, type RealtimeMessage } from "./messages.js";
import { platformProfile, type PlatformProfile } from "./platform.js";
import { enrol, strike } from "./registry.js";
import { RealtimeErrorHandler } from "./recovery.js";
import { randomName, subjectOf } from "./utils.js";

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
  readonly #returning: Returning | undefined;
  #ready = false;
  #failures = 0;
  #connectedAt = 0;
  #serverHintMs = 0;

  constructor(
    readonly clientInfo: ClientInfo,
    readonly platform: string,
    token: string,
    options: ConnectionOptions = {},
  ) {
    checkGiven(clientInfo, token, options);
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
      ready: () => this.#ready,
      onGap: (gap) => {
        this.counts.gaps += 1;
        this.onGap.tell(gap);
      },
      onError: (error) => this.onError.tell(error),
    });
    const { webSocket } = options;
    if (webSocket !== undefined) {
      const limitMs = this.#profile.connectTimeoutMs;
      this.#returning = new Returning(webSocket, this.#around, this.address, limitMs, () => this.#return());
    }
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
    if (this.state !== ConnectionState.Disconnected) {
      return Promise.reject(callerError("the connection was opened before", this.state, "make a new one"));
    }
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
        else if (state === ConnectionState.Closed) reject(this.lastError ?? linkError("the connection was closed", this.address, "make a new one"));
        else return;
        this.#around.clearTimeout(timer);
        stop();
      });
      this.#turn(ConnectionState.Connecting, "");
      this.#connect();
    });
  }

  /** Hear the events of a channel, or of all that fit a pattern such as `vm-*`; the answer stops that again. */
  async subscribe(channel: string, handler: EventHandler, start: Start = "live"): Promise<() => Promise<void>> {
    this.#checkOpen();
    checkChannels(channel);
    checkStart(start);
    if (typeof handler !== "function") throw callerError("the handler is no function", handler, "give (event, delivery) => ...");
    const counted: EventHandler = (event, delivery) => {
      this.#note(event);
      handler(event, delivery);
    };
    await this.#subscriptions.add(channel, counted, start);
    return () => this.#subscriptions.remove(channel, counted);
  }

  /** Hear all events of some types, in the channels that every tool knows. */
  async listen(types: readonly EventType[], handler: EventHandler, start: Start = "live"): Promise<() => Promise<void>> {
    const channels = types.map((type) => [type, channelOf(type)] as const);
    const asked = channels.map(([type, channel]) =>
      this.subscribe(channel, (event, delivery) => void (event.type === type && handler(event, delivery)), start),
    );
    const answers = await Promise.allSettled(asked);
    const stops = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    const stop = async (): Promise<void> => void (await Promise.all(stops.map((each) => each())));
    const refused = answers.find((answer) => answer.status === "rejected");
    if (refused?.status !== "rejected") return stop;
    await stop(); // all of them, or none
    throw refused.reason;
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
    checkPublish(options);
    const list = eventsToSend(events);
    const critical = options.critical ?? (options.priority === "critical" || isCriticalChannel(channel));
    const { priority, retry, expiresMs } = options;
    try {
      const ack = await this.#outbox.add({
        channel,
        events: list,
        critical,
        ...(priority === undefined ? {} : { priority }),
        ...(retry === undefined ? {} : { retry }),
        ...(expiresMs === undefined ? {} : { expiresMs }),
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
    if (flaw !== undefined) throw callerError(`the message may not be sent: ${flaw}`, message?.id, "make it anew");
    if (message.platform !== this.platform) {
      throw callerError("the message is of another platform than this client", message.platform, `say "${this.platform}"`);
    }
    const type = message.messageType;
    if (!isEventType(type)) throw callerError("the messageType is no type of event", type, "use one of EventType");
    const { priority, routing } = message;
    const data = payloadOf(message);
    const critical = routing?.requiresAck || priority === "critical" || isCriticalChannel(channel ?? channelOf(type));
    return this.publish(channel ?? channelOf(type), { type, data } as EventToPublish, {
      critical,
      ...(priority === undefined ? {} : { priority }),
      ...(routing?.retryConfig === undefined ? {} : { retry: routing.retryConfig }),
    });
  }

  /** A new token of the same subject, before the present one ends. */
  async renewToken(token: string): Promise<void> {
    this.#checkOpen();
    if (typeof token !== "string" || token === "") throw callerError("there is no token", token, "make a new one for the same subject");
    const link = this.#link;
    // Without a session the next hello shows it; within one it counts once the gateway has taken it.
    if (link !== undefined && this.#ready) await this.#ask({ type: "token", token });
    this.#token = token;
    if (link !== undefined) link.token = token;
  }

  /** Give up lossy batches that wait, and keep fewer from now on. */
  setMaxQueueSize(batches: number): void {
    if (!(typeof batches === "number" && batches >= 1)) throw callerError("the queue needs room for one batch", batches, "give a number from 1 on");
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
    const profile = this.#profile;
    const limits = { profile, updateIntervalMs: interval, holdMs: holdOf(this.#options, profile), backoff: this.#backoff };
    link = this.#stream
      ? new StreamLink(this.#options.webSocket!, around, this.address, profile, this.#token, hello, events)
      : new PollingLink(around, this.address, limits, this.#token, hello, events);
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
    if (this.#ready) return; // a session has one
    if (this.#connectedAt > 0) this.counts.reconnects += 1;
    this.#connectedAt = this.#around.now();
    this.#failures = 0;
    this.#ready = true;
    this.#turn(ConnectionState.Connected, "");
    if (!this.#ready) return; // a listener closed it
    if (this.#stream) this.#returning?.stop();
    else this.#returning?.start();
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
    const wasConnected = this.#ready;
    const link = this.#link;
    this.#link = undefined;
    this.#ready = false;
    if (this.#over()) return;
    link?.abort();
    if (error.fatal || error.code === "replaced") return void this.#failed(error);
    this.#outbox.pause();
    this.#returning?.stop();
    const livedMs = wasConnected ? this.#around.now() - this.#connectedAt : 0;
    if (this.#stream && wasConnected) this.#returning?.lived(livedMs);
    if (wasConnected) this.#backoff.lived(livedMs);
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

  /** From polling to the WebSocket, which works again: once nothing is on its way, so that nothing is lost on it. */
  #return(): void {
    const link = this.#link;
    if (link === undefined || !this.#ready || this.#over()) return;
    this.#stream = true;
    this.#failures = 0;
    this.#ready = false;
    this.#outbox.pause();
    this.#requests.onIdle(() => {
      if (this.#link !== link || this.#over()) return;
      this.#link = undefined;
      const limit = new Pause(this.#around);
      void Promise.race([link.close().finally(() => limit.wake()), limit.wait(CLOSE_WAIT_MS)]).then(() => {
        link.abort();
        if (!this.#over() && this.#link === undefined) this.#connect();
      });
    });
  }

  #restart(): void {
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
    this.#ready = false;
    this.#returning?.stop();
    strike(this);
    this.#pause.wake();
    this.#outbox.fail(error);
    this.#subscriptions.fail(error);
    this.#requests.cutOff(error);
    if (link === undefined) return;
    const limit = new Pause(this.#around);
    await Promise.race([link.close().finally(() => limit.wake()), limit.wait(CLOSE_WAIT_MS)]);
    link.abort();
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

function payloadOf(message: RealtimeMessage): unknown {
  try {
    return JSON.parse(message.payload);
  } catch {
    throw callerError("the payload is no JSON", message.payload, "give the event's data as JSON");
  }
}
