/** Critical messages that could not be delivered or handled: kept in this program, the newest of a bounded number. */

import { LETTER_EVENTS } from "./generated/constants.js";

export interface DeadLetter {
  /**
   * refused: the gateway did. expired: not sent in its time. closed: the connection ended first. handler: this program's handler
   * threw. application: sendToDeadLetterQueue().
   */
  cause: "refused" | "expired" | "closed" | "handler" | "application";
  message: unknown;
  reason: string;
}

const letters: DeadLetter[] = [];

export function keepDeadLetter(letter: DeadLetter): void {
  letters.push(letter);
  if (letters.length > LETTER_EVENTS) letters.shift();
}

export function sendToDeadLetterQueue(message: unknown): void {
  keepDeadLetter({ cause: "application", message, reason: "the application gave it up" });
}

export function deadLetters(): readonly DeadLetter[] {
  return [...letters];
}

/** All of them, and forget them: to send them again, or to write them down. */
export function takeDeadLetters(): DeadLetter[] {
  return letters.splice(0);
}
