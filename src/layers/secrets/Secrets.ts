import { Context, type Duration, Effect, FileSystem, Layer, Option, Path, Redacted } from "effect"
import type { SecretRef } from "../../config/Project.ts"
import { Scrubber } from "../../core/Scrubber.ts"
import { secretCommandRunner } from "./command.ts"
import { readSources } from "./sources.ts"
import { type SecretCommandFailed, type SecretsError, SecretsMissing, SecretsUnreadable } from "./SecretsError.ts"
import { Processes } from "../processes/Processes.ts"

/** Where a secret is found: `.env.staging`, `.env` or `the process environment`; and whether its value there is a command. */
export interface SecretPlace {
  readonly place: string
  readonly isCommand: boolean
}

/**
 * Secrets by name, from `.env.ENVIRONMENT`, then `.env` (both in the project's folder), then the process environment. An
 * empty value counts as missing. Reads the files when a secret is first needed, so that a run without secrets needs no
 * files. A line with a syntax error only fails for the secrets that it may define. Runs a command at most once, when its value is first needed. Adds each value to the {@link Scrubber} before
 * returning it.
 */
export class Secrets extends Context.Service<
  Secrets,
  {
    /** Returns the values of all names. Fails with `SecretsMissing`, which lists all missing names, if any is missing. */
    resolve(names: ReadonlyArray<string>): Effect.Effect<ReadonlyMap<string, Redacted.Redacted<string>>, SecretsError>
    /**
     * Returns the value of a reference: a secret's name, a command, or a literal in deploy.yml. For a password, pass its
     * `user`: engines encode both in one base64 text, which is then scrubbed, too.
     */
    value(ref: SecretRef, user?: string): Effect.Effect<Redacted.Redacted<string>, SecretsError>
    /** Finds where a secret is defined. Runs no command. */
    locate(name: string): Effect.Effect<Option.Option<SecretPlace>, SecretsUnreadable>
    /** Returns the error that `resolve` would fail with, if any of the names is missing. Runs no command. */
    findMissing(names: ReadonlyArray<string>): Effect.Effect<Option.Option<SecretsMissing>, SecretsUnreadable>
  }
>()("jiji/layers/secrets/Secrets") {
  /** `root` is the project's folder. `env` defaults to the process environment, `commandTimeout` to 30 seconds. */
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
        const sources = yield* Effect.cached(
          readSources({ ...options, env: options.env ?? process.env }).pipe(
            Effect.provideService(FileSystem.FileSystem, files.fs),
            Effect.provideService(Path.Path, files.path)
          )
        )
        const lookup = Effect.fnUntraced(function* (name: string) {
          const emptyIn: Array<string> = []
          const lines: Array<string> = []
          for (const { faults, get, linesFor, mayDefine, place } of yield* sources) {
            if (mayDefine(name)) return yield* new SecretsUnreadable({ file: place, reason: faults })
            lines.push(...linesFor(name).map((line) => `${place}:${line}`))
            const value = get(name)
            if (value === undefined) continue
            if (value._tag === "Command" || value.text !== "") {
              return { name, found: Option.some({ place, value }), emptyIn, lines }
            }
            emptyIn.push(place)
          }
          return { name, found: Option.none(), emptyIn, lines }
        })

        const findMissing = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
          const all = yield* Effect.forEach(new Set(names), lookup)
          const missing = all.filter(({ found }) => Option.isNone(found))
          if (missing.length === 0) return Option.none()
          const secrets = missing.map(({ emptyIn, name }) => ({ name, emptyIn }))
          const searched = (yield* sources).map(({ place, exists: there }) => ({ place, there }))
          const ignored = [...new Set(missing.flatMap(({ lines }) => lines))]
          return Option.some(new SecretsMissing({ secrets, searched, ...(ignored.length > 0 && { ignored }) }))
        })

        const running = new Map<string, Effect.Effect<Redacted.Redacted<string>, SecretCommandFailed>>()
        const runOnce = Effect.fnUntraced(function* (name: string, place: string, command: Redacted.Redacted<string>) {
          const key = `${place} ${name}`
          const cached = running.get(key) ?? (yield* Effect.cached(run({ name, place, command })))
          running.set(key, cached)
          return yield* cached
        })

        const resolve = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
          const error = yield* findMissing(names)
          if (Option.isSome(error)) return yield* error.value
          const values = new Map<string, Redacted.Redacted<string>>()
          // Sequentially, so that a password manager asks for a fingerprint once and not for each secret at the same time.
          for (const name of new Set(names)) {
            const { found } = yield* lookup(name)
            if (Option.isNone(found)) continue
            const { place, value } = found.value
            if (value._tag === "Command") {
              values.set(name, yield* runOnce(name, place, Redacted.make(value.command)))
              continue
            }
            const text = Redacted.make(value.text, { label: name })
            scrubber.add(text)
            values.set(name, text)
          }
          return values
        })

        const valueOf = Effect.fnUntraced(function* (ref: SecretRef) {
          if (ref._tag === "Command") return yield* runOnce(ref.key, "deploy.yml", ref.command)
          if (ref._tag === "Literal") {
            scrubber.add(ref.value)
            return ref.value
          }
          const values = yield* resolve([ref.name])
          // `resolve` fails if the name has no value.
          return values.get(ref.name) ?? Redacted.make("")
        })

        const value = (ref: SecretRef, user?: string) =>
          Effect.tap(valueOf(ref), (found) =>
            Effect.sync(() => {
              if (user !== undefined) scrubber.add(Redacted.make(`${user}:${Redacted.value(found)}`))
            })
          )

        const locate = (name: string) =>
          Effect.map(lookup(name), ({ found }) =>
            Option.map(found, ({ place, value }) => ({ place, isCommand: value._tag === "Command" }))
          )
        return Secrets.of({ resolve, value, locate, findMissing })
      })
    )
}
