import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import holder from "../holder.sh" with { type: "text" }
import common from "../proxy.sh" with { type: "text" }
import text from "./ensure.sh" with { type: "text" }

/** What `ensure.sh` did, or what stands in the way. */
export type Ensured =
  | { readonly _tag: "Running" | "Started" | "Updated" | "Foreign" | "Rootless" | "Busy" }
  | { readonly _tag: "Taken"; readonly port: number; readonly by: string }
  | { readonly _tag: "Unfit"; readonly reason: string }
  | { readonly _tag: "Failed"; readonly keepsOld: boolean; readonly log: string }

const words = {
  running: "Running",
  started: "Started",
  updated: "Updated",
  foreign: "Foreign",
  rootless: "Rootless",
  busy: "Busy"
} as const

const decode = (stdout: string): Effect.Effect<Ensured, string> => {
  const [first = "", ...lines] = stdout.trim().split("\n")
  const [, word = "", rest = ""] = /^(\w+) ?(.*)$/u.exec(first) ?? []
  const plain = Object.entries(words).find(([each]) => each === word)
  if (plain !== undefined) return Effect.succeed({ _tag: plain[1] })
  const taken = /^(\d+) (.+)$/u.exec(rest)
  if (word === "taken" && taken !== null) {
    return Effect.succeed({ _tag: "Taken", port: Number(taken[1]), by: taken[2] ?? "" })
  }
  if (word === "unfit") return Effect.succeed({ _tag: "Unfit", reason: [rest, ...lines].join(", ") })
  if (word === "failed") return Effect.succeed({ _tag: "Failed", keepsOld: rest === "old", log: lines.join("\n") })
  return Effect.fail(stdout)
}

/** Makes sure that a server's proxy runs, with an image that the server has. */
export const ensure = defineScript({
  name: "proxy-ensure",
  text: `${common}${holder}${text}`,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    /** The image to run. */
    reference: Schema.NonEmptyString,
    /** What deploy.yml calls it. */
    label: Schema.NonEmptyString,
    /** Its digest if jiji shipped it, else `-`. */
    pulled: Schema.NonEmptyString,
    /** Ports that nothing else may listen on, with spaces between them. */
    ports: Schema.String,
    /** Caddy's configuration for a new proxy. */
    initial: Schema.NonEmptyString
  },
  answer: decode,
  usual: () => "started\n",
  byHand: ({ engine, reference }) => [
    [
      engine,
      "run",
      "--detach",
      "--name",
      "jiji-proxy",
      "--network",
      "host",
      "--volume",
      "jiji-proxy-data:/data",
      "--volume",
      "jiji-proxy:/jiji",
      reference,
      "caddy",
      "run",
      "--config",
      "/jiji/caddy.json"
    ]
  ]
})
