import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import holder from "../holder.sh" with { type: "text" }
import common from "../proxy.sh" with { type: "text" }
import text from "./ports.sh" with { type: "text" }

/** Finds what listens on TCP ports of a server. */
export const ports = defineScript({
  name: "proxy-ports",
  text: `${common}${holder}${text}`,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    /** With spaces between them. */
    ports: Schema.NonEmptyString
  },
  answer: (stdout) =>
    Effect.succeed(
      stdout.split("\n").flatMap((line) => {
        const [, port, by = ""] = /^(\d+) (.+)$/u.exec(line) ?? []
        return port === undefined ? [] : [{ port: Number(port), by }]
      })
    ),
  usual: () => "",
  byHand: ({ ports }) => ports.split(" ").map((port) => ["ss", "-ltnp", `sport = :${port}`])
})
