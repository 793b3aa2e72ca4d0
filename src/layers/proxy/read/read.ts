import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import { quoted } from "../quoted.ts"
import list from "../inside/list.sh" with { type: "text" }
import common from "../proxy.sh" with { type: "text" }
import text from "./read.sh" with { type: "text" }

/** The hash of no sites. */
export const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/** Where a replica runs, such as `web-1` at `172.18.0.5:3000`. */
interface Up {
  readonly name: string
  readonly address: string
}

/** A server's proxy, as `read.sh` found it. */
export type Read =
  | { readonly _tag: "None" }
  | { readonly _tag: "Foreign" }
  | {
      readonly _tag: "Proxy"
      readonly image: string
      /** The digest of an image that jiji shipped. */
      readonly digest?: string
      readonly running: boolean
      readonly hash: string
      /** The files of all projects, by project. */
      readonly sites: ReadonlyArray<{ readonly project: string; readonly json: string }>
      readonly up: ReadonlyArray<Up>
      /** Other projects that have sites, and no container behind the proxy. */
      readonly gone: ReadonlyArray<string>
    }

const decode = (stdout: string): Effect.Effect<Read, string> => {
  const [first = "", ...lines] = stdout.split("\n")
  if (first === "none") return Effect.succeed({ _tag: "None" })
  if (first === "foreign") return Effect.succeed({ _tag: "Foreign" })
  const [word, image, digest = "-", state = ""] = first.split(" ")
  const pairs = (kind: string) =>
    lines.flatMap((line) => {
      const [, found, name = "", value = ""] = /^(\w+) (\S+) ?(.*)$/u.exec(line) ?? []
      return found === kind ? [{ name, value }] : []
    })
  const [hash] = pairs("hash")
  if (word !== "proxy" || image === undefined || hash === undefined) return Effect.fail(stdout)
  return Effect.succeed({
    _tag: "Proxy",
    image,
    ...(digest !== "-" && { digest }),
    running: state === "running",
    hash: hash.name,
    sites: pairs("sites").map(({ name, value }) => ({ project: name, json: value })),
    up: pairs("up").map(({ name, value }) => ({ name, address: value })),
    gone: pairs("gone").map(({ name }) => name)
  })
}

/** Reads what a server's proxy serves. */
export const read = defineScript({
  name: "proxy-read",
  text: `${common}list=${quoted(list)}\n${text}`,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    project: Schema.NonEmptyString
  },
  answer: decode,
  usual: () => "none\n",
  byHand: ({ engine }) => [[engine, "exec", "jiji-proxy", "sh", "-c", "cat /jiji/sites/*.json"]]
})
