/** A way to the gateway for one session: it says hello, carries messages both ways, and ends once. */

import type { RealtimeError } from "../errors.js";

/** A message of flight.v1.json. */
export interface Message {
  type: string;
  id?: string;
  [field: string]: unknown;
}

export interface LinkEvents {
  onMessage(message: Message): void;
  /** The way is cut, the session is not: the link tries again by itself. */
  onTrouble(error: RealtimeError, nextAttemptMs: number): void;
  onRecovered(): void;
  /** This link is over; lost: another hello may help. */
  onEnd(error: RealtimeError): void;
}

export interface Link {
  readonly transport: "polling" | "websocket";
  /** The session's token, which polling shows each time. */
  token: string;
  send(message: Message): void;
  /** Say goodbye and end; resolves when that is done, or cannot be. */
  close(): Promise<void>;
  /** End now, whatever is on its way. */
  abort(): void;
}
