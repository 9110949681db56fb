/** What is done about errors: the guide's strategies by platform. A subclass may answer otherwise. */

import { MessagePriority } from "./generated/constants.js";
import { sendToDeadLetterQueue } from "./dead_letters.js";
import type { RealtimeMessage } from "./messages.js";

/** fallback-to-polling: the next attempt polls. The others go on with the waits of the platform. */
export type Recovery = "fallback-to-polling" | "retry-with-backoff" | "default-recovery";

export class RealtimeErrorHandler {
  static handleConnectionError(_error: Error, platform: string): Recovery {
    if (platform === "dreamcast") return "fallback-to-polling";
    return platform === "vita" ? "retry-with-backoff" : "default-recovery";
  }

  static handleMessageError(message: RealtimeMessage, error: Error): void {
    const { id: messageId, messageType } = message;
    console.error("a message could not be handled:", { messageId, messageType, error: error.message });
    if (message.priority === MessagePriority.Critical) sendToDeadLetterQueue(message);
  }
}
