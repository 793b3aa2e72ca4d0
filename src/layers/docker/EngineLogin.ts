import { Effect, FileSystem, Option, Schema } from "effect"
import type { Engine } from "../../config/Project.ts"
import { local } from "../shell/Machine.ts"
import { Shell } from "../shell/Shell.ts"

/** Docker's own file, as far as it says who is logged in. An `auth` is `user:password` in base64. */
const Config = Schema.Struct({
  auths: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct({ auth: Schema.optionalKey(Schema.String) }))),
  credsStore: Schema.optionalKey(Schema.String),
  credHelpers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})
const decodeConfig = Schema.decodeUnknownOption(Schema.fromJsonString(Config))

/** What a credential helper's `list` prints: users by registry, and no passwords. */
const decodeUsers = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.String)))

/** The names that docker may keep the login of a registry by. */
const keysOf = (server: string): ReadonlyArray<string> =>
  ["docker.io", "registry-1.docker.io", "index.docker.io"].includes(server)
    ? ["https://index.docker.io/v1/", server]
    : [server, `https://${server}`]

const userOf = (auth: string): Option.Option<string> => {
  const text = Buffer.from(auth, "base64").toString()
  return Option.liftPredicate(text.slice(0, Math.max(0, text.indexOf(":"))), (user) => user !== "")
}

/** Who this machine's engine is logged in to a registry as. No password is read but from docker's own file. */
export const findLogin = Effect.fnUntraced(function* (
  engine: Engine,
  server: string,
  /** Where docker keeps its `config.json`. */
  folder: string
) {
  const shell = yield* Shell
  const said = (words: readonly [string, ...Array<string>]) =>
    Effect.orElseSucceed(
      Effect.map(shell.run(local, { words }), ({ exitCode, stdout }) => (exitCode === 0 ? stdout.trim() : "")),
      () => ""
    )
  if (engine === "podman") {
    return Option.liftPredicate(yield* said(["podman", "login", "--get-login", server]), (user) => user !== "")
  }
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.orElseSucceed(fs.readFileString(`${folder}/config.json`), () => "{}")
  const config = Option.getOrElse(decodeConfig(text), (): typeof Config.Type => ({}))
  for (const key of keysOf(server)) {
    const user = userOf(config.auths?.[key]?.auth ?? "")
    if (Option.isSome(user)) return user
    const helper = config.credHelpers?.[key] ?? config.credsStore
    if (helper === undefined || !/^[A-Za-z0-9._-]+$/.test(helper)) continue
    const users = decodeUsers(yield* said([`docker-credential-${helper}`, "list"]))
    const found = Option.isSome(users) ? users.value[key] : undefined
    if (found !== undefined) return Option.some(found)
  }
  return Option.none<string>()
})
