import { Effect, Schema } from "effect"
import { defineScript, Flag } from "../../processes/Script.ts"
import engineFunctions from "../engine.sh" with { type: "text" }
import { loginWords } from "../check/check.ts"
import login from "../login.sh" with { type: "text" }
import { simulatedDigest } from "../simulated.ts"
import terminal from "../terminal.sh" with { type: "text" }
import text from "./push.sh" with { type: "text" }

/** Pushes an image. JIJI_PASSWORD holds the password for a login. The answer is the digest, if the engine prints it. */
export const push = defineScript({
  name: "push",
  text: `${login}${terminal}${engineFunctions}${text}`,
  args: {
    engine: Schema.String,
    image: Schema.String,
    /** Whether to use plain HTTP, or a certificate that nobody has verified. Only podman needs to be told. */
    insecure: Flag,
    /** The registry and the user to log in with. Both empty for no login. */
    registry: Schema.String,
    user: Schema.String
  },
  answer: (stdout) => Effect.succeed(/(?:^|digest: )(sha256:[0-9a-f]{64})\b/m.exec(stdout)?.[1]),
  usual: ({ image }) => simulatedDigest(image),
  byHand: ({ engine, image, insecure, registry, user }) => [
    ...loginWords(engine, registry, user),
    [engine, "push", ...(insecure && engine === "podman" ? ["--tls-verify=false"] : []), image]
  ]
})
