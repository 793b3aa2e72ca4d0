import { Effect, Schema } from "effect"
import { defineScript, Flag } from "../../processes/Script.ts"
import { loginWords } from "../check/check.ts"
import login from "../login.sh" with { type: "text" }
import { simulatedDigest } from "../simulated.ts"
import text from "./push-index.sh" with { type: "text" }

/** Pushes an index of the images that follow as words. JIJI_PASSWORD holds the password for a login. The answer is its digest. */
export const pushIndex = defineScript({
  name: "push-index",
  text: `${login}${text}`,
  args: {
    engine: Schema.String,
    /** The name of the index. */
    image: Schema.String,
    /** Whether to use plain HTTP, or a certificate that nobody has verified. */
    insecure: Flag,
    /** The registry and the user to log in with. Both empty for no login. */
    registry: Schema.String,
    user: Schema.String
  },
  answer: (stdout) => Effect.fromNullishOr(/^sha256:[0-9a-f]{64}$/m.exec(stdout)?.[0]),
  usual: ({ image }) => simulatedDigest(image),
  byHand: ({ engine, image, insecure, registry, user }, images) => {
    const logins = loginWords(engine, registry, user)
    if (engine === "podman") {
      const tls = insecure ? ["--tls-verify=false"] : []
      const list = "localhost/jiji-index"
      return [
        ...logins,
        ["podman", "manifest", "create", list, ...images.map((each) => `containers-storage:${each}`)],
        ["podman", "manifest", "push", "--all", "--format", "v2s2", ...tls, list, `docker://${image}`],
        ["podman", "manifest", "rm", list]
      ]
    }
    const flag = insecure ? ["--insecure"] : []
    return [
      ...logins,
      [engine, "manifest", "create", ...flag, image, ...images],
      [engine, "manifest", "push", "--purge", ...flag, image]
    ]
  }
})
