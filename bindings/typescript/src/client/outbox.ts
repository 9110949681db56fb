/**
 * What is to be published. Bounded: when it is full the oldest lossy batch is given up, and where none is there the new one
 * is refused; whoever published hears of it. Critical batches have numbers, go one at a time, and go again after every cut until
 * the gateway has stored them; by their number it stores each once. A lossy batch that was on its way when the session was
 * lost may have been stored: it is not sent again.
 */

import { RETRY_COUNT, RETRY_INTERVAL_MS } from "../generated/constants.js";
import { keepDeadLetter, type DeadLetter } from "../dead_letters.js";
import { callerError, expiredError, type RealtimeError } from "../errors.js";
import type { EventToPublish } from "../events.js";
import type { RetryConfig } from "../messages.js";
import type { Message } from "./link.js";
import type { Surroundings } from "./surroundings.js";

/** What the gateway says of a batch that it stored. */
export interface Ack {
  status: "stored" | "duplicate";
  stored: number;
  /** How many who listen now are not given some of it, by reason. */
  leftOut?: Record<string, number>;
}

export interface Batch {
  channel: string;
  events: readonly EventToPublish[];
  critical: boolean;
  priority?: string;
  retry?: RetryConfig;
  /** After so many ms it is not sent any more; 0: for ever. */
  expiresMs?: number;
}

interface Queued extends Batch {
  timer?: unknown;
  /** On its way: what became of it will be told. */
  asked: boolean;
  expired: boolean;
  counter: number;
  retries: number;
  resolve(ack: Ack): void;
  reject(error: RealtimeError): void;
}

export interface OutboxOwner {
  ask(message: Message): Promise<Message>;
  /** Numbers of this incarnation cannot go on: say hello as a new one. */
  beginAnew(): void;
}

export class Outbox {
  maxBatches = 256;
  #lossy: Queued[] = [];
  #critical: Queued[] = [];
  #incarnation = "";
  #nextCounter = 1;
  #ready = false;
  #sending = false;
  /** Lossy batches without an answer: while a session lives on without a link, no more than `maxBatches` are asked. */
  #underWay = 0;
  #retryTimer: unknown;

  constructor(
    private readonly around: Surroundings,
    private readonly owner: OutboxOwner,
  ) {}

  /** What a hello says to go on with its numbers; "" for a first one. */
  get incarnation(): string {
    return this.#incarnation;
  }

  get queued(): number {
    return this.#lossy.length + this.#critical.length;
  }

  add(batch: Batch): Promise<Ack> {
    return new Promise((resolve, reject) => {
      if (this.queued >= this.maxBatches && !this.#dropOldest()) {
        reject(callerError("the queue is full", `${this.maxBatches} batches`, "wait for those before, or raise setMaxQueueSize()"));
        return;
      }
      const entry: Queued = { ...batch, asked: false, expired: false, counter: 0, retries: 0, resolve, reject };
      const { expiresMs = 0 } = batch;
      if (expiresMs > 0) entry.timer = this.around.setTimeout(() => this.#expire(entry), expiresMs);
      (batch.critical ? this.#critical : this.#lossy).push(entry);
      this.#pump();
    });
  }

  /** Give up lossy batches until so few are left. */
  trim(left: number): void {
    while (this.#lossy.length > left) this.#dropOldest();
  }

  welcome(incarnation: string, mark: number): void {
    if (incarnation === this.#incarnation) {
      this.#nextCounter = Math.max(this.#nextCounter, mark + 1);
    } else {
      this.#incarnation = incarnation;
      this.#nextCounter = mark + 1;
      for (const entry of this.#critical) entry.counter = 0;
    }
    this.#ready = true;
    this.#sending = false;
    this.#pump();
  }

  pause(): void {
    this.#ready = false;
    this.around.clearTimeout(this.#retryTimer);
    for (const entry of this.#critical) {
      entry.asked = false;
      if (entry.expired) this.#expire(entry);
    }
  }

  fail(error: RealtimeError): void {
    this.pause();
    for (const entry of this.#lossy.splice(0)) this.#giveUp(entry, error, "closed");
    for (const entry of this.#critical.splice(0)) this.#giveUp(entry, error, "closed");
  }

  /** Its time is over. One that is on its way stays: its answer will say what became of it. */
  #expire(entry: Queued): void {
    if (entry.asked) {
      entry.expired = true;
      return;
    }
    this.#lossy = this.#lossy.filter((other) => other !== entry);
    this.#critical = this.#critical.filter((other) => other !== entry);
    this.#giveUp(entry, expiredError(entry.channel, entry.expiresMs!), "expired");
    this.#pump();
  }

  #giveUp(entry: Queued, error: RealtimeError, cause: DeadLetter["cause"]): void {
    this.around.clearTimeout(entry.timer);
    const { channel, events } = entry;
    if (entry.critical) keepDeadLetter({ cause, message: { channel, events }, reason: error.message });
    entry.reject(error);
  }

  #dropOldest(): boolean {
    const entry = this.#lossy.shift();
    if (entry === undefined) return false;
    this.#giveUp(entry, callerError("given up for newer events", entry.channel, "publish less, or as critical"), "refused");
    return true;
  }

  #pump(): void {
    if (!this.#ready) return;
    while (this.#lossy.length > 0 && this.#underWay < this.maxBatches) this.#send(this.#lossy.shift()!);
    const first = this.#critical[0];
    if (first === undefined || this.#sending) return;
    this.#sending = true;
    first.asked = true;
    if (first.counter === 0) {
      first.counter = this.#nextCounter;
      this.#nextCounter += first.events.length;
    }
    this.owner.ask(message(first)).then(
      (answer) => this.#settle(first, () => first.resolve(ackOf(answer))),
      (error: RealtimeError) => this.#refused(first, error),
    );
  }

  #send(entry: Queued): void {
    this.around.clearTimeout(entry.timer);
    this.#underWay += 1;
    const answered = (tell: () => void): void => {
      this.#underWay -= 1;
      tell();
      this.#pump();
    };
    this.owner.ask(message(entry)).then(
      (answer) => answered(() => entry.resolve(ackOf(answer))),
      (error: RealtimeError) => answered(() => entry.reject(error)),
    );
  }

  #settle(entry: Queued, tell: () => void): void {
    this.#critical = this.#critical.filter((other) => other !== entry);
    this.#sending = false;
    this.around.clearTimeout(entry.timer);
    tell();
    this.#pump();
  }

  #refused(entry: Queued, error: RealtimeError): void {
    if (error.fault === "link") return; // welcome() sends it again
    const retry = entry.retry ?? { maxRetries: RETRY_COUNT, retryIntervalMs: RETRY_INTERVAL_MS };
    const passing = error.code === "store" || error.code === "busy" || error.code === "too-many" || error.code === "expired-token";
    if (passing && !entry.expired && entry.retries < retry.maxRetries) {
      entry.retries += 1;
      this.#retryTimer = this.around.setTimeout(() => {
        this.#sending = false;
        this.#pump();
      }, Math.max(retry.retryIntervalMs, error.retryAfterMs));
      return;
    }
    // Its number is used up where the store failed: newer ones of this incarnation would be refused until it came.
    const anew = error.code === "store";
    if (anew) {
      this.#incarnation = "";
      this.#ready = false;
    }
    this.#settle(entry, () => this.#giveUp(entry, error, "refused"));
    if (anew) this.owner.beginAnew();
  }
}

function message(entry: Queued): Message {
  const { channel, events, counter, priority } = entry;
  return {
    type: "publish",
    channel,
    events,
    ...(counter > 0 ? { counter } : {}),
    ...(priority === undefined ? {} : { priority }),
  };
}

function ackOf(answer: Message): Ack {
  const { status, stored, leftOut } = answer as unknown as Ack;
  return leftOut === undefined ? { status, stored } : { status, stored, leftOut };
}
