import { Effect, FileSystem, Option, Schema } from "effect"
import type { Engine } from "../../config/Project.ts"
import { local } from "../shell/Machine.ts"
import { answerLimit } from "./limits.ts"
import { Shell } from "../shell/Shell.ts"

/** The logins in docker's config.json. An `auth` is `user:password` in base64. */
const Config = Schema.Struct({
  auths: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct({ auth: Schema.optionalKey(Schema.String) }))),
  credsStore: Schema.optionalKey(Schema.String),
  credHelpers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})
const decodeConfig = Schema.decodeUnknownOption(Schema.fromJsonString(Config))

/** The output of a credential helper's `list`: users by registry, without passwords. */
const decodeUsers = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.String)))

/** The keys under which docker may store a registry's login. */
const configKeys = (server: string): ReadonlyArray<string> =>
  ["docker.io", "registry-1.docker.io", "index.docker.io"].includes(server)
    ? ["https://index.docker.io/v1/", server]
    : [server, `https://${server}`]

const userOf = (auth: string): Option.Option<string> => {
  const text = Buffer.from(auth, "base64").toString()
  return Option.liftPredicate(text.slice(0, Math.max(0, text.indexOf(":"))), (user) => user !== "")
}

/** The user as whom this machine's engine is logged in to a registry. Does not ask credential helpers for passwords. */
export const findLogin = Effect.fnUntraced(function* (
  engine: Engine,
  server: string,
  /** The folder that contains docker's `config.json`. */
  folder: string
) {
  const shell = yield* Shell
  const stdoutOf = (words: readonly [string, ...Array<string>]) =>
    Effect.orElseSucceed(
      Effect.map(shell.run(local, { words, limit: answerLimit(words[0]) }), ({ exitCode, stdout }) =>
        exitCode === 0 ? stdout.trim() : ""
      ),
      () => ""
    )
  if (engine === "podman") {
    return Option.liftPredicate(yield* stdoutOf(["podman", "login", "--get-login", server]), (user) => user !== "")
  }
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.orElseSucceed(fs.readFileString(`${folder}/config.json`), () => "{}")
  const config = Option.getOrElse(decodeConfig(text), (): typeof Config.Type => ({}))
  for (const key of configKeys(server)) {
    const user = userOf(config.auths?.[key]?.auth ?? "")
    if (Option.isSome(user)) return user
    const helper = config.credHelpers?.[key] ?? config.credsStore
    if (helper === undefined || !/^[A-Za-z0-9._-]+$/.test(helper)) continue
    const users = decodeUsers(yield* stdoutOf([`docker-credential-${helper}`, "list"]))
    const found = Option.isSome(users) ? users.value[key] : undefined
    if (found !== undefined) return Option.some(found)
  }
  return Option.none<string>()
})
