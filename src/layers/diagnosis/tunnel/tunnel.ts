import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import { parseTunnelOutput } from "../facts.ts"
import text from "./tunnel.sh" with { type: "text" }

/** Checks a forwarded port on a server. */
export const tunnel = defineScript({
  name: "tunnel",
  text,
  args: {
    /** Empty if none is usable. */
    engine: Schema.Literals(["docker", "podman", ""]),
    port: Schema.FiniteFromString
  },
  answer: (stdout) => Effect.succeed(parseTunnelOutput(stdout)),
  usual: () => ""
})
