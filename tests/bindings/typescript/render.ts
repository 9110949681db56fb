// The hooks under React's own renderer for tests, on a connection whose gateway is played here.
import { useRealtimeEvents, Connection, type RealtimeEvent } from "@flight/realtime-types";
import { StrictMode } from "react";
import { Dashboard, MemoryMonitor, element } from "./panels.js";

try {
  useRealtimeEvents("connection-1", ["memory-update"]);
} catch (error) {
  console.log((error as Error).message);
}
await import("@flight/realtime-types/react");
// @ts-ignore: the package brings no types, and needs none here
const { act, create } = await import("react-test-renderer");
(globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;

const memory = (bytes: number | null, text: string): object => ({ bytes, humanReadable: text });
const update = (used: object): object => ({
  type: "memory-update",
  data: { timestamp: 1, sessionId: "s1", platform: "psp", total: memory(33554432, "32MB"), used, available: memory(null, "unknown"),
    budget: memory(null, "unknown"), fragmentationRatio: null },
});
const report = (sessionId: string): object => ({
  type: "system-monitoring",
  data: { timestamp: 1, sessionId, platform: "vita", cpu: 0.5, framesPerSecond: 60, memoryUsedBytes: null },
});

/** Answers each request at once, and hands out what lies in `waiting`. */
const waiting: object[] = [];
let offset = 0;
const subscribed = new Set<string>();
const play = (body: any): object[] => {
  if (body.type === "hello") return [{ type: "welcome", incarnation: "89abcdef01234567", mark: 0 }];
  const answers = (body.messages as any[]).map(({ type, id, channel }) => {
    if (type === "subscribe") subscribed.add(channel);
    if (type === "unsubscribe") subscribed.delete(channel);
    return { type: `${type}d`, id, channel, epoch: "0123456789abcdef", offset };
  });
  return [...answers, ...waiting.splice(0)];
};
const fetch = async (_input: unknown, init: any): Promise<Response> =>
  new Response(JSON.stringify({ pollKey: "00", messages: play(JSON.parse(init.body)) }));

const info = { clientType: "web-browser", platform: "web", version: "1.0.0", capabilities: ["basic-messaging"] } as const;
const connection = new Connection({ ...info, capabilities: [] }, "web", "token", {
  address: "http://gateway.invalid",
  updateInterval: 1,
  surroundings: { fetch: fetch as typeof globalThis.fetch },
});
const heard = (channel: string, event: object): void =>
  void waiting.push({ type: "events", channel, epoch: "0123456789abcdef", offset: ++offset, critical: false, events: [event] });
const until = async (true_: () => boolean): Promise<void> => {
  while (!true_()) await act(async () => new Promise((resolve) => setTimeout(resolve, 1)));
};
const text = (tree: any): string => {
  if (tree === null || tree === undefined) return "";
  if (typeof tree === "string") return tree;
  if (Array.isArray(tree)) return tree.map(text).filter(Boolean).join(" ");
  return text(tree.children);
};

await connection.open();
let monitor: any;
await act(async () => {
  monitor = create(element(MemoryMonitor, { connectionId: connection.id, platform: "psp" }));
});
console.log(text(monitor.toJSON()));
await until(() => subscribed.has("memory-updates"));
heard("memory-updates", update(memory(8808038, "8.4MB")));
await until(() => connection.counts.received === 1);
console.log(text(monitor.toJSON()));
heard("memory-updates", update(memory(null, "unknown")));
await until(() => connection.counts.received === 2);
console.log(text(monitor.toJSON()));
await act(async () => monitor.unmount());
await until(() => !subscribed.has("memory-updates"));
console.log("listeners left:", subscribed.size);

// In strict mode React mounts twice: one subscription, each event once, and nothing left of either.
let strict: any;
await act(async () => {
  strict = create(element(StrictMode, null, element(MemoryMonitor, { connectionId: connection.id, platform: "psp" })));
});
await until(() => subscribed.has("memory-updates"));
heard("memory-updates", update(memory(8808038, "8.4MB")));
await until(() => text(strict.toJSON()) !== "waiting");
console.log("strict:", text(strict.toJSON()));
await act(async () => strict.unmount());
await until(() => !subscribed.has("memory-updates"));
const { onError, onGap, onState } = connection;
console.log("left of strict:", subscribed.size, onError.size, onGap.size, onState.size);

const ticking = new Set<unknown>();
const { setInterval: begin, clearInterval: end } = globalThis;
globalThis.setInterval = ((call: () => void, ms: number) => {
  const timer = begin(call, ms);
  ticking.add(timer);
  return timer;
}) as typeof setInterval;
globalThis.clearInterval = ((timer: any) => {
  ticking.delete(timer);
  end(timer);
}) as typeof clearInterval;

const events: RealtimeEvent[] = [];
await connection.listen(["system-monitoring"], (event) => void events.push(event));
heard("system-monitoring", report("s1"));
heard("system-monitoring", report("s2"));
await until(() => events.length === 2);
const shown = async (): Promise<string> => {
  let dashboard: any;
  await act(async () => {
    dashboard = create(element(Dashboard));
  });
  const found = text(dashboard.toJSON());
  await act(async () => dashboard.unmount());
  return found;
};
const connected = await shown();
await connection.close();
console.log((await shown()) + " none");
console.log(connected);
console.log("intervals left:", ticking.size);
