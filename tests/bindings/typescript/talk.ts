// Talks to a gateway as it is told on standard input, and says on standard output what it hears. See tests/bindings/talker.py.
import { Connection, MessagePriority, RealtimeError, type ConnectionOptions, type EventToPublish, type Start } from "@flight/realtime-types";

declare const process: {
  argv: string[];
  stdin: AsyncIterable<string> & { setEncoding(name: string): void };
  exit(code: number): never;
};

const [address, token, words] = process.argv.slice(2) as [string, string, string];
const told = JSON.parse(words) as {
  device: string;
  channel: string;
  webSocket?: boolean;
  lose?: boolean;
  timeoutMs?: number;
  holdMs?: number;
  start?: Start;
};
const say = (...parts: unknown[]): void => console.log(parts.map((part) => JSON.stringify(part)).join(" "));

// Every third reply is lost after the gateway has done what was asked.
let requests = 0;
const leaky: typeof fetch = async (input, init) => {
  const reply = await fetch(input, init);
  requests += 1;
  if (requests % 3 === 0) throw new TypeError("the reply was lost");
  return reply;
};

const options: ConnectionOptions = {
  address,
  deviceId: told.device,
  updateInterval: 50,
  timeoutMs: told.timeoutMs ?? 60_000,
  onState: ({ state, reason, nextAttemptMs }) => say("state", state, Math.round(nextAttemptMs), reason),
};
if (told.holdMs) options.holdMs = told.holdMs;
if (told.lose) options.surroundings = { fetch: leaky };
// @ts-ignore: the package brings no types, and needs none here
if (told.webSocket) options.webSocket = (await import("ws")).WebSocket;

function failed(error: unknown): void {
  const { code, fault, what, value, nextStep } = error as RealtimeError;
  say("error", code, fault, what, value, nextStep);
}

const info = { clientType: "host-tool", platform: "host", version: "1.0.0", capabilities: ["basic-messaging"] } as const;
const connection = new Connection({ ...info, capabilities: [...info.capabilities] }, "host", token, options);
connection.onError.add(failed);
connection.onGap.add((gap) => say("gap", gap.reason));

try {
  await connection.open();
  say("transport", connection.transport);
  await connection.subscribe(
    told.channel,
    (event) => say("heard", event.type === "log" ? event.data.text : event.type),
    told.start ?? "live",
  );
  say("subscribed");
} catch (error) {
  failed(error);
  await connection.close();
  process.exit(1);
}

process.stdin.setEncoding("utf8");
let rest = "";
for await (const chunk of process.stdin) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop()!;
  for (const line of lines) await obey(...(JSON.parse(line) as [string, string]));
}

async function obey(command: string, text: string): Promise<void> {
  if (command === "close") {
    await connection.close();
    say("closed");
    process.exit(0);
  }
  if (command === "subscribe") {
    await connection.subscribe(text, () => {}).then(() => say("subscribed"), failed);
    return;
  }
  if (command === "publish-in") {
    await connection.publish(text, { type: "log", data: { text } }).then((ack) => say("stored", text, ack.status), failed);
    return;
  }
  if (command === "send") {
    const routing = { requiresAck: true, retryConfig: { maxRetries: 1, retryIntervalMs: 5 } };
    const payload = JSON.stringify({ text });
    const head = { id: "m-1", messageType: "log", timestamp: Date.now(), platform: "host" };
    connection
      .send({ ...head, payload, priority: MessagePriority.High, routing }, told.channel)
      .then((ack) => say("stored", text, ack.status), failed);
    return;
  }
  const event: EventToPublish = { type: "log", data: { text } };
  connection
    .publish(told.channel, event, { critical: command === "critical" })
    .then((ack) => say("stored", text, ack.status), failed);
}
