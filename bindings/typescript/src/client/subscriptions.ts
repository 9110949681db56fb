/**
 * What this program listens to, and how far it has heard. After a cut each channel goes on behind its last (epoch, offset):
 * what came meanwhile follows, nothing twice; what the gateway no longer has is told as a gap.
 */

import { keepDeadLetter } from "../dead_letters.js";
import { callerError, RealtimeError } from "../errors.js";
import { readEvent, type RealtimeEvent } from "../events.js";
import type { Message } from "./link.js";

/** Where an event came from. */
export interface Delivery {
  channel: string;
  epoch: string;
  offset: number;
  deviceId: string;
  platform: string;
  critical: boolean;
  /** When the gateway got it, in ms since 1970. */
  receivedAt: number;
}

export type EventHandler = (event: RealtimeEvent, delivery: Delivery) => void;

/** Where to begin: with what comes, with the last few entries, or behind a place that an earlier run kept. */
export type Start = "live" | { last: number } | { epoch: string; offset: number };

/** Entries of a channel that will not come. */
export interface Gap {
  channel: string;
  reason: string;
  after: number;
  to: number;
}

interface Followed {
  start: Start;
  at: { epoch: string; offset: number } | undefined;
  handlers: Set<EventHandler>;
  begun: Promise<void>;
  tell: { resolve(): void; reject(error: Error): void };
}

export interface SubscriptionsOwner {
  ask(message: Message): Promise<Message>;
  connected(): boolean;
  onGap(gap: Gap): void;
  onError(error: RealtimeError): void;
}

export class Subscriptions {
  readonly #channels = new Map<string, Followed>();

  constructor(private readonly owner: SubscriptionsOwner) {}

  /** Resolves once the gateway has said yes. */
  async add(channel: string, handler: EventHandler, start: Start): Promise<void> {
    const known = this.#channels.get(channel);
    if (known !== undefined) {
      known.handlers.add(handler);
      return known.begun;
    }
    let tell!: Followed["tell"];
    const begun = new Promise<void>((resolve, reject) => (tell = { resolve, reject }));
    const followed: Followed = { start, at: undefined, handlers: new Set([handler]), begun, tell };
    this.#channels.set(channel, followed);
    if (this.owner.connected()) this.#ask(channel, followed);
    return begun;
  }

  async remove(channel: string, handler: EventHandler): Promise<void> {
    const followed = this.#channels.get(channel);
    followed?.handlers.delete(handler);
    if (followed === undefined || followed.handlers.size > 0) return;
    this.#channels.delete(channel);
    if (this.owner.connected()) await this.owner.ask({ type: "unsubscribe", channel }).catch(() => undefined);
  }

  /** How far a channel was heard: what a later run gives as its start. */
  position(channel: string): { epoch: string; offset: number } | undefined {
    return this.#channels.get(channel)?.at;
  }

  resume(): void {
    for (const [channel, followed] of this.#channels) this.#ask(channel, followed);
  }

  fail(error: RealtimeError): void {
    for (const { tell } of this.#channels.values()) tell.reject(error);
    this.#channels.clear();
  }

  take(message: Message): void {
    const channel = String(message["channel"]);
    const followed = this.#channels.get(channel);
    if (followed === undefined) return;
    if (message.type === "events") this.#deliver(followed, message);
    else if (message.type === "gap") this.#gap(followed, message);
    else if (message.type === "unsubscribed") {
      this.#channels.delete(channel);
      const reason = (message["error"] as { message?: string } | undefined)?.message ?? "no reason was given";
      this.owner.onError(callerError(`the channel is not followed any more: ${reason}`, channel, "ask for the permission"));
    }
  }

  #ask(channel: string, followed: Followed): void {
    this.owner.ask({ type: "subscribe", channel, ...startOf(followed) }).then(
      (answer) => {
        followed.at ??= { epoch: String(answer["epoch"]), offset: Number(answer["offset"]) };
        followed.tell.resolve();
      },
      (error: RealtimeError) => {
        if (error.fault === "link") return; // resume() asks again
        if (this.#channels.get(channel) === followed) this.#channels.delete(channel);
        followed.tell.reject(error);
        this.owner.onError(error);
      },
    );
  }

  #deliver(followed: Followed, message: Message): void {
    const delivery = message as unknown as Delivery;
    const { epoch, offset } = delivery;
    if (followed.at?.epoch === epoch && offset <= followed.at.offset) return;
    followed.at = { epoch, offset };
    for (const json of message["events"] as unknown[]) {
      const event = readEvent(json);
      if (event !== undefined) for (const handler of [...followed.handlers]) this.#call(handler, event, delivery);
    }
  }

  #call(handler: EventHandler, event: RealtimeEvent, delivery: Delivery): void {
    try {
      handler(event, delivery);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (delivery.critical) keepDeadLetter({ cause: "handler", message: event, reason });
      this.owner.onError(callerError(`a handler threw: ${reason}`, delivery.channel, "catch it in the handler"));
    }
  }

  #gap(followed: Followed, message: Message): void {
    const { channel, epoch, reason, after, to } = message as unknown as Gap & { epoch: string };
    followed.at = { epoch, offset: to };
    this.owner.onGap({ channel, reason, after, to });
  }
}

function startOf({ start, at }: Followed): object {
  const from = at ?? start;
  if (from === "live") return { start: "live" };
  return "last" in from ? { start: "last", count: from.last } : { start: "after", ...from };
}
