import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import { adminSocket } from "../caddyConfig.ts"
import inside from "../inside/apply.sh" with { type: "text" }
import common from "../proxy.sh" with { type: "text" }
import { quoted } from "../quoted.ts"
import text from "./apply.sh" with { type: "text" }

/** What `apply.sh` did, or why it did nothing. */
export type Applied =
  | { readonly _tag: "Checked" | "Same" | "Reloaded" | "Changed" | "Absent" | "Busy" }
  | { readonly _tag: "Invalid"; readonly log: string }

const words = {
  checked: "Checked",
  same: "Same",
  reloaded: "Reloaded",
  changed: "Changed",
  absent: "Absent",
  busy: "Busy"
} as const

const decode = (stdout: string): Effect.Effect<Applied, string> => {
  const [first = "", ...lines] = stdout.trim().split("\n")
  const plain = Object.entries(words).find(([each]) => each === first)
  if (plain !== undefined) return Effect.succeed({ _tag: plain[1] })
  return first === "invalid" ? Effect.succeed({ _tag: "Invalid", log: lines.join("\n") }) : Effect.fail(stdout)
}

/** Checks a configuration of the proxy, or replaces it. The files come on stdin. */
export const apply = defineScript({
  name: "proxy-apply",
  text: `${common}script=${quoted(inside)}\n${text}`,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    /** The hash of the sites that the new ones are based on. */
    expected: Schema.NonEmptyString,
    mode: Schema.Literals(["check", "apply"])
  },
  answer: decode,
  usual: ({ mode }) => (mode === "check" ? "checked\n" : "reloaded\n"),
  byHand: ({ engine, mode }) => [
    mode === "check"
      ? [engine, "exec", "jiji-proxy", "caddy", "validate", "--config", "/jiji/caddy.json"]
      : [engine, "exec", "jiji-proxy", "caddy", "reload", "--config", "/jiji/caddy.json", "--address", adminSocket]
  ]
})
