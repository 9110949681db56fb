/** Small helpers. */

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB", "EB"];

/** A number of bytes for a person, as the gateway writes it: `16MB`, `8.4MB`, `unknown`. */
export function humanReadable(bytes: number): string {
  if (Number.isNaN(bytes)) return "unknown";
  let step = 0;
  while (step < UNITS.length - 1 && bytes >= 1024 ** (step + 1)) step += 1;
  let tenths = Math.round((10 * bytes) / 1024 ** step);
  if (tenths >= 10240 && step < UNITS.length - 1) {
    step += 1;
    tenths = 10;
  }
  return `${tenths / 10}${UNITS[step]}`;
}

/** The device that a token is for, where it names one; "" otherwise. Nothing is verified: that is the gateway's. */
export function subjectOf(token: string): string {
  try {
    const body = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const { sub } = JSON.parse(atob(body)) as { sub?: unknown };
    return typeof sub === "string" && !sub.endsWith("*") ? sub : "";
  } catch {
    return "";
  }
}

/** Eight letters and digits that two programs hardly share. */
export function randomName(random: () => number): string {
  return Array.from({ length: 8 }, () => Math.floor(random() * 36).toString(36)).join("");
}
