/** Platforms: what each can do, how often it polls, how much it takes. The values come from the specification. */

import { PLATFORM_PROFILES, type Capability, type ConnectionMode, type PlatformName } from "./generated/constants.js";
import { callerError } from "./errors.js";

/** The guide's PlatformConfig. Times in ms. */
export interface PlatformConfig {
  platform: string;
  /** Such as `16MB`, or `host` where memory is not the limit. */
  memoryConstraint: string;
  connectionMode: ConnectionMode;
  /** Between two polls. */
  updateInterval: number;
  /** Of a message that was refused; an outage spends none. */
  maxRetries: number;
  capabilities: string[];
  /** Of one attempt to connect (in the guide's troubleshooting: `timeout`). */
  connectTimeoutMs: number;
  /** Between two attempts to connect (there: `retryInterval`). */
  retryIntervalMs: number;
  /** Of one device in one channel; absent: any number. */
  maxConnections?: number;
  /** Of cloud peers only. */
  billingEnabled?: boolean;
  subscriptionTier?: string;
}

export type PlatformProfile = (typeof PLATFORM_PROFILES)[PlatformName];

/** Everything that the specification says of a platform. Throws for an unknown name. */
export function platformProfile(platform: string): PlatformProfile {
  if (Object.hasOwn(PLATFORM_PROFILES, platform)) return PLATFORM_PROFILES[platform as PlatformName];
  throw callerError("unknown platform", platform, `use one of: ${Object.keys(PLATFORM_PROFILES).join(", ")}`);
}

export function getPlatformConfig(platform: string): PlatformConfig {
  const profile = platformProfile(platform);
  const config: PlatformConfig = {
    platform: profile.platform,
    memoryConstraint: profile.memoryConstraint,
    connectionMode: profile.connectionMode,
    updateInterval: profile.updateInterval,
    maxRetries: profile.maxRetries,
    capabilities: [...profile.capabilities],
    connectTimeoutMs: profile.connectTimeoutMs,
    retryIntervalMs: profile.connectRetryIntervalMs,
  };
  if (profile.maxConnections > 0) config.maxConnections = profile.maxConnections;
  if (profile.clientType === "v6r-cloud") {
    config.billingEnabled = profile.billingEnabled;
    config.subscriptionTier = profile.subscriptionTier;
  }
  return config;
}

/** What a client of this platform announces: the config's list, then `polling-mode` where its mode is polling. */
export function getPlatformCapabilities(platform: string): string[] {
  const { capabilities, connectionMode } = platformProfile(platform);
  const polls: Capability[] = connectionMode === "polling" ? ["polling-mode"] : [];
  return [...capabilities, ...polls];
}

/** `32MB` for a PSP. */
export function getMemoryConstraint(platform: string): string {
  return platformProfile(platform).memoryConstraint;
}

/** The largest payload of one message, in bytes of UTF-8. */
export function getMaxPayloadSize(platform: string): number {
  return platformProfile(platform).maxPayloadBytes;
}
