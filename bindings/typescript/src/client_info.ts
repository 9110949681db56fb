/** Who a client says it is. */

import { ClientType } from "./generated/constants.js";
import { callerError } from "./errors.js";
import { getPlatformCapabilities, platformProfile } from "./platform.js";

/** The guide's ClientInfo. A client may announce less than its platform can do, never more. */
export interface ClientInfo {
  clientType: ClientType;
  platform: string;
  /** Of the program, 1 to 16 bytes. */
  version: string;
  capabilities: string[];
}

/** What a console or a board says of itself, with everything that its platform can do. */
export function createFlightCoreClientInfo(platform: string, version: string): ClientInfo {
  const { clientType } = platformProfile(platform);
  if (clientType !== ClientType.FlightCoreNative) {
    throw callerError(`the platform is of the type ${clientType}, no console`, platform, "write the ClientInfo yourself");
  }
  return { clientType, platform, version, capabilities: getPlatformCapabilities(platform) };
}
