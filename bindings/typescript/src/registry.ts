/** The connections of this program by their id, for what only knows the id. */

import type { Connection } from "./connection.js";

const connections = new Map<string, Connection>();
let last = 0;

export function enrol(connection: Connection): string {
  const id = `connection-${++last}`;
  connections.set(id, connection);
  return id;
}

export function strike(connection: Connection): void {
  connections.delete(connection.id);
}

export function connectionOf(id: string): Connection | undefined {
  return connections.get(id);
}

/** The newest one. */
export function latestConnection(): Connection | undefined {
  return [...connections.values()].at(-1);
}

export function allConnections(): Connection[] {
  return [...connections.values()];
}
