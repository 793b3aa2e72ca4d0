import { Effect, Schema } from "effect"
import { defineScript } from "../processes/Script.ts"
import { type SetupFacts, parseSetup } from "./facts.ts"
import text from "./setup.sh" with { type: "text" }

/** Shows what a server lacks for deploys, or installs it. */
export const setup = defineScript({
  name: "setup",
  text,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    mode: Schema.Literals(["plan", "apply"])
  },
  answer: (stdout): Effect.Effect<SetupFacts> => Effect.succeed(parseSetup(stdout)),
  usual: ({ engine }) => `distribution Debian GNU/Linux\nuser root\nengine ${engine}\n`
})
