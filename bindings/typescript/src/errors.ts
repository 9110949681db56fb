/** What goes wrong: whose fault it is, what, with which value, and what to do next. */

/** caller: this program. peer: the gateway. link: the way between them. */
export type Fault = "caller" | "peer" | "link";

export interface ErrorParts {
  fault: Fault;
  /** A name of the reference's table of codes, or `link`, or `caller`. */
  code: string;
  what: string;
  value: string;
  nextStep: string;
  /** The same again will not help. */
  fatal?: boolean;
  /** When the gateway asks to come back. */
  retryAfterMs?: number;
}

export class RealtimeError extends Error implements ErrorParts {
  override readonly name = "RealtimeError";
  readonly fault: Fault;
  readonly code: string;
  readonly what: string;
  readonly value: string;
  readonly nextStep: string;
  readonly fatal: boolean;
  readonly retryAfterMs: number;

  constructor(parts: ErrorParts) {
    super(`${parts.fault}: ${parts.what} (${parts.value}); ${parts.nextStep}`);
    this.fault = parts.fault;
    this.code = parts.code;
    this.what = parts.what;
    this.value = parts.value;
    this.nextStep = parts.nextStep;
    this.fatal = parts.fatal ?? false;
    this.retryAfterMs = parts.retryAfterMs ?? 0;
  }
}

/** This program asked for something that cannot be. */
export function callerError(what: string, value: unknown, nextStep: string): RealtimeError {
  return new RealtimeError({ fault: "caller", code: "caller", what, value: shown(value), nextStep, fatal: true });
}

/** Nobody's mistake: the way to the gateway broke, or there is none now. */
export function linkError(what: string, value: unknown, nextStep = "nothing: it is tried again"): RealtimeError {
  return new RealtimeError({ fault: "link", code: "link", what, value: shown(value), nextStep });
}

/** Nobody heard it in the time that its sender gave it. */
export function expiredError(channel: string, expiresMs: number): RealtimeError {
  const nextStep = "give it more time, or publish it anew";
  return new RealtimeError({ fault: "link", code: "expired", what: `not sent within ${expiresMs} ms`, value: channel, nextStep });
}

/** What answers there does not keep to the protocol. fatal: nor will it the next time. */
export function peerError(what: string, value: unknown, nextStep: string, fatal = false): RealtimeError {
  return new RealtimeError({ fault: "peer", code: "malformed", what, value: shown(value), nextStep, fatal });
}

/** An `error` of the gateway, which has all the parts. */
export function gatewayError(message: Record<string, unknown>): RealtimeError {
  const text = (name: string): string => (typeof message[name] === "string" ? (message[name] as string) : "");
  const hint = message["retryAfterMs"];
  // A day at most: a longer wait would be a mistake, and beyond 24.8 days timers fire at once.
  const retryAfterMs = typeof hint === "number" && hint > 0 ? Math.min(hint, 86_400_000) : 0;
  return new RealtimeError({
    fault: message["fault"] === "caller" ? "caller" : "peer",
    code: text("code") || "malformed",
    what: text("message") || "the gateway refused without a reason",
    value: text("value"),
    nextStep: text("nextStep") || "look at the gateway's log",
    fatal: message["fatal"] === true,
    retryAfterMs,
  });
}

function shown(value: unknown): string {
  if (value instanceof Error) return value.cause instanceof Error ? `${value.message}: ${value.cause.message}` : value.message;
  if (typeof value === "string") return value.slice(0, 160);
  if (typeof value === "number") return String(value); // JSON has no Infinity
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 160);
  } catch {
    return String(value).slice(0, 160); // a cycle, or a BigInt
  }
}
