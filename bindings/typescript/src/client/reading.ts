/** What a gateway said, looked at before anything believes it: another server may answer there, or a proxy between. */

import { peerError } from "../errors.js";
import type { Message } from "./link.js";

/** The largest text that is read; a reply ends with the message that goes over the gateway's 131,072 bytes. */
export const REPLY_BYTES = 16 * 1024 * 1024;

const LOOK = "look at what answers at that address";

/** Members that others count on, by the type of the message: text, or a whole number that is exact here. */
const MEMBERS: Readonly<Record<string, { text?: readonly string[]; number?: readonly string[]; list?: readonly string[] }>> = {
  welcome: { text: ["incarnation"], number: ["mark"] },
  events: { text: ["channel", "epoch"], number: ["offset"], list: ["events"] },
  gap: { text: ["channel", "epoch", "reason"], number: ["after", "to"] },
  subscribed: { text: ["channel", "epoch"], number: ["offset"] },
  unsubscribed: { text: ["channel"] },
  ack: { text: ["status"], number: ["stored"] },
  "token-ended": { number: ["graceMs"] },
};

export interface Reply {
  pollKey?: string;
  messages: Message[];
}

/** Throws a RealtimeError for text that is no message of flight.v1.json. */
export function readMessage(text: unknown): Message {
  if (typeof text !== "string") throw peerError("a message of the gateway is no text", typeof text, LOOK);
  if (text.length > REPLY_BYTES) throw peerError("a message of the gateway is too large", text.length, LOOK);
  return checked(parsed(text));
}

/** The same for the body of a polling reply. */
export function readReply(text: string): Reply {
  const reply = parsed(text);
  const messages = isObject(reply) ? reply["messages"] : undefined;
  if (!isObject(reply) || !Array.isArray(messages)) throw peerError("the reply has no messages", text, LOOK);
  const key = reply["pollKey"];
  return { ...(typeof key === "string" ? { pollKey: key } : {}), messages: messages.map(checked) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw peerError("the reply is no JSON", text, LOOK);
  }
}

function checked(message: unknown): Message {
  if (!isObject(message) || typeof message["type"] !== "string") throw peerError("this is no message", message, LOOK);
  const { text = [], number = [], list = [] } = Object.hasOwn(MEMBERS, message["type"]) ? MEMBERS[message["type"]]! : {};
  for (const name of text) {
    if (typeof message[name] !== "string") throw peerError(`${name} of ${message["type"]} is no text`, message[name], LOOK);
  }
  for (const name of list) {
    if (!Array.isArray(message[name])) throw peerError(`${name} of ${message["type"]} is no list`, message[name], LOOK);
  }
  for (const name of number) checkNumber(`${name} of ${message["type"]}`, message[name]);
  return message as Message;
}

function checkNumber(name: string, value: unknown): void {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return;
  if (typeof value === "number" && value > Number.MAX_SAFE_INTEGER) {
    // To go on from a number that was rounded could leave events out.
    throw peerError(`${name} is beyond 2^53-1, where JavaScript's numbers are not exact`, value, "use the Python or Go client", true);
  }
  throw peerError(`${name} is no whole number`, value, LOOK);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
