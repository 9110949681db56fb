/**
 * The three React hooks. This package does not depend on React: `import "@flight/realtime-types/react"` once hands it over,
 * or provideReact() does, with anything that has useState and useEffect.
 */

import type { EventType } from "./generated/constants.js";
import { callerError } from "./errors.js";
import type { RealtimeEvent } from "./events.js";
import { measure, type ConnectionMetrics, type PlatformPerformance } from "./metrics.js";
import { getPlatformConfig, type PlatformConfig } from "./platform.js";
import { connectionOf } from "./registry.js";

export interface ReactLike {
  useState<State>(initial: State | (() => State)): [State, (next: State | ((old: State) => State)) => void];
  useEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
}

/** Events that useRealtimeEvents() keeps. */
const KEPT_EVENTS = 100;

let provided: ReactLike | undefined;

export function provideReact(react: ReactLike): void {
  provided = react;
}

function react(): ReactLike {
  if (provided !== undefined) return provided;
  throw callerError("the hooks have no React", "undefined", 'write `import "@flight/realtime-types/react"` once');
}

/** The events of some types on a connection: the last hundred, and the newest. */
export function useRealtimeEvents(
  connectionId: string,
  types: readonly EventType[],
): { events: readonly RealtimeEvent[]; latestEvent: RealtimeEvent | undefined } {
  const { useEffect, useState } = react();
  const [events, setEvents] = useState<readonly RealtimeEvent[]>([]);
  const wanted = types.join(" ");
  useEffect(() => {
    const connection = connectionOf(connectionId);
    if (connection === undefined) return undefined;
    let gone = false;
    const add = (event: RealtimeEvent): void => {
      if (!gone) setEvents((old) => [...old.slice(1 - KEPT_EVENTS), event]);
    };
    const started = connection.listen(wanted.split(" ") as EventType[], add);
    started.catch((error) => connection.onError.tell(error));
    return () => {
      gone = true;
      void started.then((stop) => stop()).catch(() => undefined);
    };
  }, [connectionId, wanted]);
  return { events, latestEvent: events.at(-1) };
}

/** Figures of a connection (by default the newest one) and of the machines that report theirs, read so often. */
export function useRealtimeMetrics(
  refreshMs: number,
  connectionId = "",
): { metrics: ConnectionMetrics; platformPerformance: readonly PlatformPerformance[] } {
  if (!(refreshMs >= 1)) throw callerError("refreshMs is no time in ms", refreshMs, "give 1 or more");
  const { useEffect, useState } = react();
  const [figures, setFigures] = useState(() => measure(connectionId));
  useEffect(() => {
    const timer = setInterval(() => setFigures(measure(connectionId)), refreshMs);
    return () => clearInterval(timer);
  }, [refreshMs, connectionId]);
  return figures;
}

/** What is set for a platform; `v6rConfig` where it is one of the cloud. */
export function usePlatformConfig(platform: string): { config: PlatformConfig; v6rConfig: PlatformConfig | undefined } {
  const [config] = react().useState(() => getPlatformConfig(platform));
  const current = config.platform === platform ? config : getPlatformConfig(platform);
  return { config: current, v6rConfig: platform === "v6r-cloud" ? current : undefined };
}
