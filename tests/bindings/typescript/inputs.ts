// What is unknown, and what cannot be.
import {
  Connection,
  clearEventHistory,
  createFlightCoreClientInfo,
  getMaxPayloadSize,
  getPlatformConfig,
  humanReadable,
  sendToDeadLetterQueue,
  takeDeadLetters,
  triggerMemoryOptimization,
  type MemoryUpdateEvent,
} from "@flight/realtime-types";
import { readEvent } from "../node_modules/@flight/realtime-types/dist/events.js";

const json = { bytes: null, humanReadable: "unknown" };
const event = readEvent({ type: "memory-update", data: { total: json, used: json, available: json, fragmentationRatio: null } });
const { data } = event as MemoryUpdateEvent;
console.log(data.used.humanReadable, data.used.bytes, data.used.bytes / data.total.bytes > 0.9 || data.fragmentationRatio > 0.4);
console.log("gone again", JSON.stringify(data.fragmentationRatio));

const info = createFlightCoreClientInfo("psp", "1.0.0");
for (const wrong of [
  () => getPlatformConfig("amiga"),
  () => createFlightCoreClientInfo("web", "1.0.0"),
  () => new Connection(info, "psp", ""),
  () => new Connection(info, "psp", "token", { address: "nowhere" }),
]) {
  try {
    wrong();
    console.log("it was taken");
  } catch (error) {
    console.log((error as Error).message);
  }
}
console.log([16777216, 8808038, 1048550, 0, NaN].map(humanReadable).join(" "));
sendToDeadLetterQueue({ id: "1" });
clearEventHistory();
console.log(getMaxPayloadSize("vita") + 192, triggerMemoryOptimization("psp"), takeDeadLetters().length);
