/** The optional part: hands React to the hooks. Import it once, for its effect or for the hooks themselves. */

import * as React from "react";
import { provideReact } from "./hooks.js";

provideReact(React);

export { useRealtimeEvents, useRealtimeMetrics, usePlatformConfig } from "./hooks.js";
