/**
 * What this program listens to, and how far it has heard. After a cut each channel goes on behind its last (epoch, offset):
 * what came meanwhile follows, nothing twice; what the gateway no longer has is told as a gap.
 *
 * A pattern (`vm-*`) is followed by the gateway, which announces each of its channels; from then on that is a channel like others
 * here. After a cut the channels go on first, then the pattern with all that the log has: so one that began meanwhile comes whole.
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
  /** Whether a session takes requests. */
  ready(): boolean;
  onGap(gap: Gap): void;
  onError(error: RealtimeError): void;
}

/** What the gateway keeps of a channel, at most. */
const WHOLE: Start = { last: 0xffff };

export class Subscriptions {
  readonly #channels = new Map<string, Followed>();
  readonly #patterns = new Map<string, Followed>();

  constructor(private readonly owner: SubscriptionsOwner) {}

  /** Resolves once the gateway has said yes. */
  async add(name: string, handler: EventHandler, start: Start): Promise<void> {
    const table = this.#table(name);
    const known = table.get(name);
    if (known !== undefined) {
      if (start !== "live") throw callerError("already subscribed to, and under way", name, 'begin with "live" to join in');
      known.handlers.add(handler);
      return known.begun;
    }
    if (isPattern(name) && start !== "live" && !("last" in start)) {
      throw callerError("a pattern has no place to go on from", name, 'begin with "live" or { last }, and with its channels before');
    }
    const followed = made(start, undefined, handler);
    table.set(name, followed);
    if (this.owner.ready()) this.#ask(name, followed);
    return followed.begun;
  }

  async remove(name: string, handler: EventHandler): Promise<void> {
    const followed = this.#table(name).get(name);
    followed?.handlers.delete(handler);
    if (followed === undefined || followed.handlers.size > 0) return;
    if (isPattern(name)) return this.#removePattern(name);
    if (this.#patternsOf(name).length > 0) return; // a pattern still listens
    this.#channels.delete(name);
    await this.#leave(name);
  }

  /** How far a channel was heard: what a later run gives as its start. */
  position(channel: string): { epoch: string; offset: number } | undefined {
    const at = this.#channels.get(channel)?.at;
    return at === undefined ? undefined : { ...at };
  }

  resume(): void {
    for (const [channel, followed] of this.#channels) this.#ask(channel, followed);
    for (const [pattern, followed] of this.#patterns) this.#ask(pattern, followed);
  }

  fail(error: RealtimeError): void {
    for (const { tell } of [...this.#channels.values(), ...this.#patterns.values()]) tell.reject(error);
    this.#channels.clear();
    this.#patterns.clear();
  }

  take(message: Message): void {
    const channel = String(message["channel"]);
    if (message.type === "subscribed") return this.#announced(channel, message);
    const followed = this.#channels.get(channel);
    if (followed === undefined) return;
    if (message.type === "events") this.#deliver(followed, message);
    else if (message.type === "gap") this.#gap(followed, message);
    else if (message.type === "unsubscribed") {
      this.#channels.delete(channel);
      const reason = (message["error"] as { message?: string } | undefined)?.message ?? "no reason was given";
      const error = callerError(`the channel is not followed any more: ${reason}`, channel, "ask for the permission");
      followed.tell.reject(error);
      this.owner.onError(error);
    }
  }

  #table(name: string): Map<string, Followed> {
    return isPattern(name) ? this.#patterns : this.#channels;
  }

  #patternsOf(channel: string): Followed[] {
    return [...this.#patterns].filter(([pattern]) => channel.startsWith(pattern.slice(0, -1))).map(([, followed]) => followed);
  }

  #ask(name: string, followed: Followed): void {
    this.owner.ask({ type: "subscribe", channel: name, ...startOf(followed) }).then(
      (answer) => {
        if (isPattern(name)) followed.start = WHOLE; // once a pattern listens, nothing of its channels may be left out
        else followed.at ??= { epoch: String(answer["epoch"]), offset: Number(answer["offset"]) };
        followed.tell.resolve();
      },
      (error: RealtimeError) => {
        if (error.fault === "link") return; // resume() asks again
        // Its pattern was quicker: the gateway follows it already.
        if (error.code === "too-many" && !isPattern(name) && this.#patternsOf(name).length > 0) return followed.tell.resolve();
        if (this.#table(name).get(name) === followed) this.#table(name).delete(name);
        followed.tell.reject(error);
        this.owner.onError(error);
      },
    );
  }

  /** A pattern has found a channel. */
  #announced(channel: string, message: Message): void {
    const at = { epoch: String(message["epoch"]), offset: Number(message["offset"]) };
    const known = this.#channels.get(channel);
    if (known !== undefined) known.at ??= at;
    else if (this.#patternsOf(channel).length > 0) {
      const followed = made("live", at);
      followed.tell.resolve();
      this.#channels.set(channel, followed);
    }
  }

  /** The gateway leaves a pattern's channels with it: those that somebody else here wants are asked for again. */
  async #removePattern(pattern: string): Promise<void> {
    this.#patterns.delete(pattern);
    const asked = [this.#leave(pattern)];
    for (const [channel, followed] of [...this.#channels]) {
      if (!channel.startsWith(pattern.slice(0, -1))) continue;
      asked.push(this.#leave(channel));
      if (followed.handlers.size === 0 && this.#patternsOf(channel).length === 0) this.#channels.delete(channel);
      else if (this.owner.ready()) this.#ask(channel, followed);
    }
    await Promise.all(asked);
  }

  async #leave(name: string): Promise<void> {
    if (this.owner.ready()) await this.owner.ask({ type: "unsubscribe", channel: name }).catch(() => undefined);
  }

  #deliver(followed: Followed, message: Message): void {
    const delivery = message as unknown as Delivery & { previousOffset?: unknown };
    const { channel, epoch, offset, previousOffset } = delivery;
    const before = followed.at?.epoch === epoch ? followed.at.offset : undefined;
    if (before !== undefined && offset <= before) return;
    followed.at = { epoch, offset };
    if (before !== undefined && typeof previousOffset === "number" && previousOffset > before) {
      this.owner.onGap({ channel, reason: "missing", after: before, to: previousOffset }); // a mistake of the gateway
    }
    const handlers = [...new Set([followed, ...this.#patternsOf(channel)].flatMap((each) => [...each.handlers]))];
    for (const json of message["events"] as unknown[]) {
      const event = readEvent(json);
      if (event !== undefined) for (const handler of handlers) this.#call(handler, event, delivery);
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

export function isPattern(name: string): boolean {
  return name.endsWith("*");
}

/** Throws for a start that no gateway takes. */
export function checkStart(start: unknown): asserts start is Start {
  if (start === "live") return;
  const { last, epoch, offset } = (start ?? {}) as { last?: unknown; epoch?: unknown; offset?: unknown };
  if (Number.isInteger(last) && (last as number) >= 0 && (last as number) <= 0xffff) return;
  if (typeof epoch === "string" && Number.isSafeInteger(offset) && (offset as number) >= 0) return;
  throw callerError("this is no place to start", start, 'give "live", { last: 0 to 65535 }, or what position() gave');
}

function made(start: Start, at: Followed["at"], ...handlers: EventHandler[]): Followed {
  let tell!: Followed["tell"];
  const begun = new Promise<void>((resolve, reject) => (tell = { resolve, reject }));
  begun.catch(() => undefined); // whoever asked hears it; a channel of a pattern has nobody who asked
  return { start, at, handlers: new Set(handlers), begun, tell };
}

function startOf({ start, at }: Followed): object {
  const from = at ?? start;
  if (from === "live") return { start: "live" };
  return "last" in from ? { start: "last", count: from.last } : { start: "after", epoch: from.epoch, offset: from.offset };
}
