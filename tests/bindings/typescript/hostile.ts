// Servers that are none, numbers that are not exact, calls that cannot be, and the way back to a WebSocket that works again.
import {
  Connection,
  RealtimeError,
  establishConnection,
  takeDeadLetters,
  type ConnectionOptions,
  type StateChange,
  type WebSocketLike,
} from "@flight/realtime-types";

import { Time } from "./time.js";

declare const process: { exitCode: number };

const info = { clientType: "host-tool", platform: "host", version: "1.0.0", capabilities: ["basic-messaging"] } as const;
const client = { ...info, capabilities: [...info.capabilities] };
const WELCOME = { type: "welcome", incarnation: "89abcdef01234567", mark: 0 };
const text = (value: unknown): string => JSON.stringify(value);
const short = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 160);

/** The first trouble with a server that answers so, one reply after the other; the last one stays. */
async function trouble(...replies: (() => Response)[]): Promise<string> {
  const time = new Time();
  let place = 0;
  const seen: StateChange[] = [];
  const connection = new Connection(client, "host", "a.b.c", {
    address: "http://gateway.invalid",
    timeoutMs: 0,
    surroundings: { ...time.surroundings, fetch: async () => replies[Math.min(place++, replies.length - 1)]!() },
    onState: (change) => void seen.push(change),
  });
  connection.open().catch(() => undefined);
  const is = ({ state, nextAttemptMs }: StateChange): boolean => nextAttemptMs > 0 || state === "failed";
  await time.until(() => seen.some(is));
  const first = seen.find(is);
  await Promise.all([connection.close(), time.until(() => time.waiting === 0)]);
  return `${first?.state} ${first?.reason.slice(0, 150)}${time.waiting > 0 ? ` (${time.waiting} timers left)` : ""}`;
}

const says = (body: string, init: ResponseInit = {}) => () => new Response(body, init);
const hello = says(text({ pollKey: "00", messages: [WELCOME] }));
const then = (...messages: unknown[]) => says(text({ messages }));
const huge = (): Response => {
  const part = new Uint8Array(1 << 20).fill(32);
  let left = 18;
  return new Response(new ReadableStream({ pull: (to) => (left-- > 0 ? to.enqueue(part) : to.close()) }));
};
const cases: Record<string, (() => Response)[]> = {
  garbled: [says("<html>")],
  "a list": [says("[]")],
  "no messages": [says(text({ pollKey: "00" }))],
  "no welcome": [says(text({ pollKey: "00", messages: [{ type: "pong" }] }))],
  huge: [huge],
  redirect: [says("", { status: 307, headers: { Location: "http://other.invalid/v1/poll" } })],
  "not found": [says("no", { status: 404 })],
  "bad gateway": [says("no", { status: 502 })],
  "not an object": [hello, then(7)],
  "wrong type": [hello, then({ type: "events", channel: 7 })],
  "no events": [hello, then({ type: "events", channel: "c", epoch: "e", offset: 1, events: "x" })],
  "beyond 2^53": [hello, says('{"messages":[{"type":"gap","channel":"c","epoch":"e","reason":"slow","after":1,"to":9007199254740993}]}')],
  refused: [says(text({ messages: [{ type: "error", code: "credential", fault: "caller", fatal: true, message: "no" }] }), { status: 400 })],
};
for (const [name, replies] of Object.entries(cases)) console.log(`${name}: ${await trouble(...replies)}`);

/** A gateway behind fetch and behind a WebSocket; what it refuses, and whether the WebSocket opens. */
class Gateway {
  open = false;
  refuse = new Set<string>();
  readonly heard: any[] = [];
  readonly sockets = new Set<Socket>();
  readonly ids = new Set<string>();
  stored: string[] = [];

  answers(message: any): any[] {
    this.heard.push(message);
    const { id, type, channel } = message;
    if (type === "hello") return [{ ...WELCOME, type: "welcome" }];
    if (type === "close") return [];
    if (type === "publish") {
      if (this.refuse.has(channel)) return [{ type: "error", id, code: "forbidden", fault: "caller", fatal: true, message: "not yours" }];
      for (const event of message.events) this.stored.push(event.data.text);
      return [{ type: "ack", id, status: "stored", stored: message.events.length }];
    }
    return [{ type: `${type}d`, id, channel, epoch: "0123456789abcdef", offset: 4 }];
  }

  readonly fetch = async (_input: unknown, init: any): Promise<Response> => {
    const body = JSON.parse(init.body);
    if (body.type === "hello") return new Response(text({ pollKey: "00", messages: this.answers(body) }));
    return new Response(text({ messages: body.messages.flatMap((message: any) => this.answers(message)) }));
  };
}

const gateway = new Gateway();

class Socket implements WebSocketLike {
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  constructor() {
    gateway.sockets.add(this);
    queueMicrotask(() => (gateway.open ? this.onopen?.({}) : this.close()));
  }
  send(data: string): void {
    const answers = gateway.answers(JSON.parse(data));
    queueMicrotask(() => answers.forEach((answer) => this.onmessage?.({ data: text(answer) })));
  }
  close(): void {
    if (gateway.sockets.delete(this)) queueMicrotask(() => this.onclose?.({ code: 1006 }));
  }
}
declare const queueMicrotask: (call: () => void) => void;

const time = new Time();
const options: ConnectionOptions = {
  address: "http://gateway.invalid",
  webSocket: Socket,
  surroundings: { ...time.surroundings, fetch: gateway.fetch as typeof fetch },
};
async function settled<Value>(promise: Promise<Value>): Promise<Value | RealtimeError> {
  let over = false;
  const answer = promise.catch((error) => error as RealtimeError).finally(() => (over = true));
  if (!(await time.until(() => over))) throw new Error("it hangs");
  return answer;
}

const ways: string[] = [];
const connection = (await settled(establishConnection(client, "host", "a.b.c", options))) as Connection;
ways.push(connection.transport);
const stopHearing = (await settled(connection.subscribe("c", () => undefined))) as () => Promise<void>;
await settled(connection.publish("c", { type: "log", data: { text: "polled" } }));
gateway.open = true;
await time.until(() => connection.transport === "websocket" && connection.state === "connected");
ways.push(connection.transport);
await settled(connection.publish("c", { type: "log", data: { text: "streamed" } }));
const again = gateway.heard.filter(({ type }) => type === "subscribe").at(-1);
console.log("ways:", ways.join(" "), gateway.stored.join(" "), again.start, again.offset, connection.counts.gaps);

gateway.refuse.add("closed-to-us");
const said = async (promise: () => Promise<unknown>): Promise<void> => console.log(short(await settled(promise().then(() => "it was taken"))));
const log = (fields: object): any => ({ type: "log", data: fields });
await said(() => connection.publish("closed-to-us", log({ text: "x" }), { critical: true }));
console.log("letters:", takeDeadLetters().map(({ cause }) => cause).join(" "));
await said(() => connection.publish("c", []));
await said(() => connection.publish("c", { type: "nothing", data: {} } as any));
await said(() => connection.publish("c", { type: "log" } as any));
await said(() => connection.publish("c", log({ timestamp: 2 ** 53 })));
await said(() => connection.publish("c", log({ timestamp: 1n })));
await said(() => connection.publish("c", log({ timestamp: Infinity })));
await said(() => connection.publish("c", log({ text: "x".repeat(200_000) })));
await said(() => connection.publish("c", log({}), { priority: "urgent" as any }));
await said(() => connection.publish(7 as any, log({})));
await said(() => connection.subscribe("c", undefined as any));
await said(() => connection.subscribe("c", () => undefined, { last: 3 }));
await said(() => connection.subscribe("d", () => undefined, { last: -1 }));
await said(() => connection.subscribe("d*", () => undefined, { epoch: "00", offset: 2 }));
await said(() => connection.renewToken(""));
await said(() => connection.open());
await said(() => connection.send({ messageType: "log" } as any));
await said(() => connection.send(undefined as any));
await said(() => connection.send({ id: "1", messageType: "log", timestamp: time.now, platform: "host", payload: "{" } as any));
await said(() => connection.send({ id: "1", messageType: "log", timestamp: time.now, platform: "psp", payload: "{" } as any));
await said(async () => connection.onState.add(7 as any));
for (const wrong of [{ address: "http://me:secret@host" }, { updateInterval: -1 }, { webSocket: 7 as any }]) {
  await said(() => establishConnection(client, "host", "a.b.c", wrong));
}
await said(() => establishConnection({} as any, "host", "a.b.c"));

// Nothing can be sent while the gateway is away: what has a limit is given up, what is critical is kept as a letter.
gateway.open = false;
for (const socket of [...gateway.sockets]) socket.close();
await time.until(() => connection.state !== "connected");
await said(() => connection.publish("c", log({ text: "late" }), { expiresMs: 1, critical: true }));
console.log("letters:", takeDeadLetters().map(({ cause }) => cause).join(" "), gateway.stored.includes("late"));

await settled(stopHearing());
await settled(connection.close());
await said(() => connection.publish("c", log({})));
await said(() => connection.subscribe("c", () => undefined));
await time.until(() => time.waiting === 0);
console.log("left:", gateway.sockets.size, time.waiting);
process.exitCode = 0;
