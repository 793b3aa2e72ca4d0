import { Schema } from "effect"
import { defineScript, Flag } from "../../processes/Script.ts"
import engineFunctions from "../engine.sh" with { type: "text" }
import { decodeImage } from "../inspect.ts"
import { loginWords } from "../check/check.ts"
import login from "../login.sh" with { type: "text" }
import { simulatedImage } from "../simulated.ts"
import terminal from "../terminal.sh" with { type: "text" }
import text from "./pull.sh" with { type: "text" }

/** Pulls an image with an engine's client, and prints it as JSON. JIJI_PASSWORD holds the password for a login. */
export const pull = defineScript({
  name: "pull",
  text: `${login}${terminal}${engineFunctions}${text}`,
  args: {
    engine: Schema.String,
    /** The reference to pull. */
    from: Schema.String,
    /** The name to tag the image with. Empty for none. */
    name: Schema.String,
    /** Whether to verify TLS. Only podman can do without. */
    verify: Flag,
    /** Whether to remove the pulled reference afterwards. */
    drop: Flag,
    /** Whether to report progress. */
    progress: Flag,
    /** The registry and the user to log in with. Both empty for no login. */
    registry: Schema.String,
    user: Schema.String
  },
  answer: decodeImage,
  usual: ({ from }, { architecture }) => simulatedImage(from, architecture),
  byHand: ({ drop, engine, from, name, registry, user, verify }) => [
    ...loginWords(engine, registry, user),
    [engine, "pull", ...(verify ? [] : ["--tls-verify=false"]), from],
    ...(name === "" ? [] : [[engine, "tag", from, name]]),
    ...(drop ? [[engine, "rmi", from]] : [])
  ]
})
