// A program that goes on publishing while a session lives on and its gateway does not answer.
import { establishConnection } from "@flight/realtime-types";

import { Time } from "./time.js";

const info = { clientType: "host-tool", platform: "host", version: "1.0.0", capabilities: ["basic-messaging"] } as const;
const WELCOME = { type: "welcome", incarnation: "89abcdef01234567", mark: 0 };
const PUBLISHED = 2000;

const time = new Time();
let asked = 0;
const fetch = async (): Promise<Response> => {
  asked += 1;
  if (asked === 1) return new Response(JSON.stringify({ pollKey: "00", messages: [WELCOME] }));
  throw new TypeError("the network is down");
};
const options = { address: "http://gateway.invalid", transport: "polling" as const, surroundings: { ...time.surroundings, fetch } };
const connection = await establishConnection({ ...info, capabilities: [...info.capabilities] }, "host", "a.b.c", options);
await time.until(() => connection.state === "reconnecting");
const before = asked;
let givenUp = 0;
let closed = 0;
for (let number = 0; number < PUBLISHED; number += 1) {
  connection.publish("c", { type: "log", data: { text: String(number) } }).catch((error: Error) => {
    if (error.message.includes("given up for newer events")) givenUp += 1;
    else closed += 1;
  });
  await undefined;
}
await time.settled();
console.log("attempts while it waits:", asked - before, "given up:", givenUp, "kept:", PUBLISHED - givenUp, "in time:", closed);
const over = connection.close();
await time.until(() => closed + givenUp === PUBLISHED);
await over;
console.log("told:", givenUp + closed);
