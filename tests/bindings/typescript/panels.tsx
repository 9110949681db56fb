// The guide's React examples: a memory monitor and a dashboard.
import { createElement, useCallback, useEffect, type ReactElement } from "react";
import {
  isMemoryUpdateEvent,
  triggerMemoryOptimization,
  usePlatformConfig,
  useRealtimeEvents,
  useRealtimeMetrics,
  type PlatformPerformance,
  type RealtimeEvent,
} from "@flight/realtime-types";

export function MemoryMonitor({ connectionId, platform }: { connectionId: string; platform: string }): ReactElement {
  const { events, latestEvent } = useRealtimeEvents(connectionId, ["memory-update"]);

  const relieve = useCallback(
    (event: RealtimeEvent) => {
      if (!isMemoryUpdateEvent(event)) return;
      const usage = event.data.used.bytes / event.data.total.bytes;
      if (usage > 0.9 || event.data.fragmentationRatio > 0.4) triggerMemoryOptimization(platform);
    },
    [platform],
  );

  useEffect(() => {
    if (latestEvent) relieve(latestEvent);
  }, [latestEvent, relieve]);

  return <p>{latestEvent && isMemoryUpdateEvent(latestEvent) ? `${events.length}: ${latestEvent.data.used.humanReadable}` : "waiting"}</p>;
}

function MachineGrid({ platforms }: { platforms: readonly PlatformPerformance[] }): ReactElement {
  return <ul>{platforms.map(({ platform, sessions }) => <li key={platform}>{`${platform} ${sessions}`}</li>)}</ul>;
}

export function Dashboard(): ReactElement {
  const { metrics, platformPerformance } = useRealtimeMetrics(1000);
  const { v6rConfig } = usePlatformConfig("v6r-cloud");
  return (
    <div className="dashboard">
      <b>{metrics.state}</b>
      <MachineGrid platforms={platformPerformance} />
      {v6rConfig?.billingEnabled && <i>{v6rConfig.subscriptionTier}</i>}
    </div>
  );
}

export const element = createElement;
