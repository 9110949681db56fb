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

/** An `error` of the gateway, which has all the parts. */
export function gatewayError(message: Record<string, unknown>): RealtimeError {
  const text = (name: string): string => (typeof message[name] === "string" ? (message[name] as string) : "");
  const retryAfterMs = typeof message["retryAfterMs"] === "number" ? message["retryAfterMs"] : 0;
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
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return (text ?? String(value)).slice(0, 160);
}
