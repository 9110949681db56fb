// The waits after failures, with a chance that is always lowest, highest, or in the middle.
import { Backoff } from "@flight/realtime-types";

const limits = { connectRetryIntervalMs: 1000, backoffFloorMs: 250, backoffCapMs: 10_000 };
const show = (waits: number[]): void => console.log(JSON.stringify(waits));

const lowest = new Backoff(limits, () => 0);
show(Array.from({ length: 8 }, () => lowest.nextMs()));
const highest = new Backoff(limits, () => 1);
show(Array.from({ length: 8 }, () => highest.nextMs()));
const hinted = new Backoff(limits, () => 0.5);
show([hinted.nextMs(1000), hinted.nextMs(1000), hinted.nextMs(1000)]);
const healthy = new Backoff(limits, () => 1);
const waits = [healthy.nextMs(), healthy.nextMs()];
healthy.lived(9_999);
waits.push(healthy.nextMs() / 2);
healthy.lived(10_000);
show([...waits, healthy.nextMs()]);
