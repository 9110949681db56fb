/**
 * What is to be published. Bounded: when it is full the oldest lossy batch is given up, and where none is there the new one
 * is refused; whoever published hears of it. Critical batches have numbers, go one at a time, and go again after every cut until
 * the gateway has stored them; by their number it stores each once. A lossy batch that was on its way when the session was
 * lost may have been stored: it is not sent again.
 */

import { RETRY_COUNT, RETRY_INTERVAL_MS } from "../generated/constants.js";
import { keepDeadLetter } from "../dead_letters.js";
import { callerError, RealtimeError } from "../errors.js";
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
}

interface Queued extends Batch {
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
      const entry: Queued = { ...batch, counter: 0, retries: 0, resolve, reject };
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
  }

  fail(error: RealtimeError): void {
    this.pause();
    for (const entry of [...this.#lossy.splice(0), ...this.#critical.splice(0)]) entry.reject(error);
  }

  #dropOldest(): boolean {
    const entry = this.#lossy.shift();
    entry?.reject(callerError("given up for newer events", entry.channel, "publish less, or as critical"));
    return entry !== undefined;
  }

  #pump(): void {
    if (!this.#ready) return;
    for (const entry of this.#lossy.splice(0)) {
      this.owner.ask(message(entry)).then((answer) => entry.resolve(ackOf(answer)), entry.reject);
    }
    const first = this.#critical[0];
    if (first === undefined || this.#sending) return;
    this.#sending = true;
    if (first.counter === 0) {
      first.counter = this.#nextCounter;
      this.#nextCounter += first.events.length;
    }
    this.owner.ask(message(first)).then(
      (answer) => this.#settle(first, () => first.resolve(ackOf(answer))),
      (error: RealtimeError) => this.#refused(first, error),
    );
  }

  #settle(entry: Queued, tell: () => void): void {
    this.#critical = this.#critical.filter((other) => other !== entry);
    this.#sending = false;
    tell();
    this.#pump();
  }

  #refused(entry: Queued, error: RealtimeError): void {
    if (error.fault === "link") return; // welcome() sends it again
    const retry = entry.retry ?? { maxRetries: RETRY_COUNT, retryIntervalMs: RETRY_INTERVAL_MS };
    if (error.code === "store" && entry.retries < retry.maxRetries) {
      entry.retries += 1;
      this.#retryTimer = this.around.setTimeout(() => {
        this.#sending = false;
        this.#pump();
      }, retry.retryIntervalMs);
      return;
    }
    const { channel, events } = entry;
    keepDeadLetter({ cause: "refused", message: { channel, events }, reason: error.message });
    // Its number is used up where the store failed: newer ones of this incarnation would be refused until it came.
    const anew = error.code === "store";
    if (anew) {
      this.#incarnation = "";
      this.#ready = false;
    }
    this.#settle(entry, () => entry.reject(error));
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
