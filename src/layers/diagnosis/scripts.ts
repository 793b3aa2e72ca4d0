import build from "./build.sh" with { type: "text" }
import look from "./look.sh" with { type: "text" }
import tunnel from "./tunnel.sh" with { type: "text" }

/** The scripts that check machines, by name. */
export const scripts = { build, look, tunnel }
