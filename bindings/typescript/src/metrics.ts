/** Figures of a connection, and of the machines whose reports it heard. */

import { ConnectionState } from "./generated/constants.js";
import type { SystemMonitoringData } from "./generated/event_data.js";
import { isSystemMonitoringEvent } from "./events.js";
import { connectionOf, latestConnection } from "./registry.js";

export interface ConnectionMetrics {
  state: ConnectionState;
  /** Events since the connection was made. */
  received: number;
  published: number;
  refused: number;
  reconnects: number;
  gaps: number;
  /** Batches that wait. */
  queued: number;
}

/** The newest report of each session of a platform, averaged; NaN where none said. */
export interface PlatformPerformance {
  platform: string;
  sessions: number;
  cpu: number;
  framesPerSecond: number;
  memoryUsedBytes: number;
}

export interface Figures {
  metrics: ConnectionMetrics;
  platformPerformance: readonly PlatformPerformance[];
}

/** Of the connection with this id, "" for the newest. Reports come from its history: listen to system-monitoring. */
export function measure(connectionId = ""): Figures {
  const connection = connectionId === "" ? latestConnection() : connectionOf(connectionId);
  if (connection === undefined) {
    const none = { received: 0, published: 0, refused: 0, reconnects: 0, gaps: 0, queued: 0 };
    return { metrics: { state: ConnectionState.Disconnected, ...none }, platformPerformance: [] };
  }
  const newest = new Map<string, SystemMonitoringData>();
  for (const event of connection.history) {
    if (isSystemMonitoringEvent(event)) newest.set(event.data.sessionId, event.data);
  }
  const { state, counts, queued } = connection;
  return { metrics: { state, ...counts, queued }, platformPerformance: byPlatform([...newest.values()]) };
}

function byPlatform(reports: SystemMonitoringData[]): PlatformPerformance[] {
  const platforms = [...new Set(reports.map((report) => report.platform))];
  return platforms.map((platform) => {
    const own = reports.filter((report) => report.platform === platform);
    return {
      platform,
      sessions: own.length,
      cpu: mean(own.map((report) => report.cpu)),
      framesPerSecond: mean(own.map((report) => report.framesPerSecond)),
      memoryUsedBytes: mean(own.map((report) => report.memoryUsedBytes)),
    };
  });
}

function mean(values: number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? NaN : known.reduce((sum, value) => sum + value, 0) / known.length;
}
