import { Context, type Duration, Effect, FileSystem, Layer, Option, Path, Redacted } from "effect"
import type { SecretRef } from "../../config/Project.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import { secretCommandRunner } from "./command.ts"
import { readSources } from "./places.ts"
import { type SecretCommandFailed, type SecretsError, SecretsMissing, type SecretsUnreadable } from "./SecretsError.ts"
import { Processes } from "../processes/Processes.ts"

/** Where a secret is found: `.env.staging`, `.env` or `the process environment`; and whether a command there gives it. */
export interface SecretPlace {
  readonly place: string
  readonly command: boolean
}

/**
 * Secrets by name, from `.env.ENVIRONMENT`, then `.env` (both in the project's folder), then the process environment.
 * Files are read when a secret is first asked for, so that a run without secrets needs none. What is given out is known
 * to the {@link Scrubber} first. A command that stands for a value is run when the value is first needed, and once.
 */
export class Secrets extends Context.Service<
  Secrets,
  {
    /** The values of all names, or an error that tells all that are missing. */
    resolve(names: ReadonlyArray<string>): Effect.Effect<ReadonlyMap<string, Redacted.Redacted<string>>, SecretsError>
    /**
     * The value that a reference stands for: a secret's, a command's, or the one written in the file. `user` is whose
     * password it is: engines keep and send the two in one base64 text, which is scrubbed too.
     */
    value(ref: SecretRef, user?: string): Effect.Effect<Redacted.Redacted<string>, SecretsError>
    /** Where a secret is found. No command is run. */
    where(name: string): Effect.Effect<Option.Option<SecretPlace>, SecretsUnreadable>
    /** The error that these names would end in, where some are missing. No command is run. */
    missing(names: ReadonlyArray<string>): Effect.Effect<Option.Option<SecretsMissing>, SecretsUnreadable>
  }
>()("jiji/layers/secrets/Secrets") {
  /** `env` is the process environment, unless another is given; `commandTimeout` is 30 seconds. */
  static readonly layer = (options: {
    readonly root: string
    readonly environment?: string
    readonly env?: Readonly<Record<string, string | undefined>>
    readonly commandTimeout?: Duration.Input
  }) =>
    Layer.effect(
      Secrets,
      Effect.gen(function* () {
        const scrubber = yield* Scrubber
        const files = { fs: yield* FileSystem.FileSystem, path: yield* Path.Path }
        const processes = yield* Processes
        const run = secretCommandRunner({
          processes,
          scrubber,
          root: options.root,
          timeout: options.commandTimeout ?? "30 seconds"
        })
        const places = yield* Effect.cached(
          readSources({ ...options, env: options.env ?? process.env }).pipe(
            Effect.provideService(FileSystem.FileSystem, files.fs),
            Effect.provideService(Path.Path, files.path)
          )
        )
        const lookUp = (name: string) =>
          Effect.map(places, (all) => {
            const values = all.flatMap(({ get, place }) => {
              const value = get(name)
              return value === undefined ? [] : [{ place, value }]
            })
            const isEmpty = (one: (typeof values)[number]) => one.value._tag === "Text" && one.value.text === ""
            const found = Option.fromUndefinedOr(values.find((one) => !isEmpty(one)))
            return { name, found, emptyIn: values.filter(isEmpty).map(({ place }) => place) }
          })

        const missing = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
          const all = yield* Effect.forEach(new Set(names), lookUp)
          const secrets = all
            .filter(({ found }) => Option.isNone(found))
            .map(({ emptyIn, name }) => ({ name, emptyIn }))
          if (secrets.length === 0) return Option.none()
          const searched = (yield* places).map(({ place, there }) => ({ place, there }))
          return Option.some(new SecretsMissing({ secrets, searched }))
        })

        const running = new Map<string, Effect.Effect<Redacted.Redacted<string>, SecretCommandFailed>>()
        const once = Effect.fnUntraced(function* (name: string, place: string, command: Redacted.Redacted<string>) {
          const key = `${place} ${name}`
          const run_ = running.get(key) ?? (yield* Effect.cached(run({ name, place, command })))
          running.set(key, run_)
          return yield* run_
        })

        const resolve = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
          const error = yield* missing(names)
          if (Option.isSome(error)) return yield* error.value
          const values = new Map<string, Redacted.Redacted<string>>()
          // One after the other: a password manager that asks for a fingerprint asks once, and not for all at a time.
          for (const name of new Set(names)) {
            const { found } = yield* lookUp(name)
            if (Option.isNone(found)) continue
            const { place, value } = found.value
            if (value._tag === "Command") {
              values.set(name, yield* once(name, place, Redacted.make(value.command)))
              continue
            }
            const text = Redacted.make(value.text, { label: name })
            scrubber.add(text)
            values.set(name, text)
          }
          return values
        })

        const valueOf = Effect.fnUntraced(function* (ref: SecretRef) {
          if (ref._tag === "Command") return yield* once(ref.key, "deploy.yml", ref.command)
          if (ref._tag === "Literal") {
            scrubber.add(ref.value)
            return ref.value
          }
          const values = yield* resolve([ref.name])
          // resolve has failed where a name has no value.
          return values.get(ref.name) ?? Redacted.make("")
        })

        const value = (ref: SecretRef, user?: string) =>
          Effect.tap(valueOf(ref), (found) =>
            Effect.sync(() => {
              if (user !== undefined) scrubber.add(Redacted.make(`${user}:${Redacted.value(found)}`))
            })
          )

        const where = (name: string) =>
          Effect.map(lookUp(name), ({ found }) =>
            Option.map(found, ({ place, value }) => ({ place, command: value._tag === "Command" }))
          )
        return Secrets.of({ resolve, value, where, missing })
      })
    )
}
