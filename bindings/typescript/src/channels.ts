/** Channels: names under which events travel, and who may use them. */

import { ChannelType, KNOWN_CHANNELS, type EventType } from "./generated/constants.js";
import { callerError } from "./errors.js";
import { platformProfile } from "./platform.js";

/** The guide's ChannelInfo. A client needs all of the permissions; with none nobody may. */
export interface ChannelInfo {
  id: string;
  channelType: ChannelType;
  requiredPermissions: string[];
  metadata: Record<string, string>;
}

const NAME = /^[a-z0-9._/-]{1,64}$/;

/** The channel on which machines report their memory; `metadata.updateInterval` is this platform's, in ms, as text. */
export function createMemoryUpdatesChannel(platform: string): ChannelInfo {
  const { updateInterval } = platformProfile(platform);
  return {
    id: ChannelType.MemoryUpdates,
    channelType: ChannelType.MemoryUpdates,
    requiredPermissions: [ChannelType.MemoryUpdates],
    metadata: { platform, updateInterval: String(updateInterval) },
  };
}

/** The channel that carries this type of event where nothing else is said. */
export function channelOf(type: EventType): string {
  const found = Object.entries(KNOWN_CHANNELS).find(([, known]) => known.event === type);
  if (found === undefined) throw callerError("no channel is known to carry this type", type, "name the channel yourself");
  return found[0];
}

/** Throws for a name that no gateway takes. */
export function checkChannel(name: unknown): void {
  if (typeof name === "string" && NAME.test(name)) return;
  throw callerError("the name of the channel is not valid", name, "use 1 to 64 of a-z, 0-9, '.', '-', '_' and '/'");
}

/** The same for what may be a pattern: a beginning of names and a `*`. */
export function checkChannels(name: unknown): void {
  if (typeof name !== "string" || !/^[a-z0-9._/-]{0,63}\*$/.test(name)) checkChannel(name);
}

export function isCriticalChannel(name: string): boolean {
  return Object.hasOwn(KNOWN_CHANNELS, name) && KNOWN_CHANNELS[name]!.critical;
}
