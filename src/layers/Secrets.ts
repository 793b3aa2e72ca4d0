import { Context, Effect, FileSystem, Layer, Option, Path, PlatformError, Redacted, Schema } from "effect"
import { parseDotEnv } from "../config/DotEnv.ts"
import { list } from "../config/nearest.ts"
import type { SecretRef } from "../config/Project.ts"
import { utf8 } from "../config/utf8.ts"
import { ExitCode } from "../pipeline/Failure.ts"
import { Scrubber } from "../pipeline/Scrubber.ts"

/** Secrets that were not found, all of them. An empty value counts as not found. */
export class SecretsMissing extends Schema.TaggedError<SecretsMissing>()("SecretsMissing", {
  secrets: Schema.Array(Schema.Struct({ name: Schema.String, emptyIn: Schema.Array(Schema.String) })),
  searched: Schema.Array(Schema.Struct({ place: Schema.String, there: Schema.Boolean }))
}) {
  override get message() {
    const names = this.secrets.map(({ emptyIn, name }) =>
      emptyIn.length > 0 ? `${name} (empty in ${list(emptyIn)})` : name
    )
    const places = this.searched.map(({ place, there }) => (there ? place : `${place} (no such file)`))
    const subject = names.length === 1 ? "The secret" : "The secrets"
    return `${subject} ${list(names)} ${names.length === 1 ? "is" : "are"} missing; searched ${list(places)}.`
  }
  get remedy() {
    const [first] = this.searched
    const lines = this.secrets.map(({ name }) => `${name}=…`)
    return `Write ${list(lines)} into ${first?.place ?? ".env"}, or set ${lines.length === 1 ? "it" : "them"} in the environment.`
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

/** A `.env` file that is there and cannot be read, or has lines that cannot. */
export class SecretsUnreadable extends Schema.TaggedError<SecretsUnreadable>()("SecretsUnreadable", {
  file: Schema.String,
  reason: Schema.Union([
    Schema.instanceOf(PlatformError.PlatformError),
    Schema.Array(Schema.Struct({ line: Schema.Int, message: Schema.String }))
  ])
}) {
  override get message() {
    if (this.reason instanceof PlatformError.PlatformError) return `${this.file} cannot be read: ${this.reason.message}`
    return this.reason.map(({ line, message }) => `${this.file}:${line} ${message}`).join("\n")
  }
  get remedy() {
    return this.reason instanceof PlatformError.PlatformError
      ? "Make it a file that your user may read."
      : "Write each secret as NAME=value, in quotes where it holds spaces, quotes or several lines."
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

interface Place {
  readonly place: string
  readonly there: boolean
  readonly get: (name: string) => string | undefined
}

const environmentName = "the process environment"

/**
 * Secrets by name, from `.env.ENVIRONMENT`, then `.env` (both in the project's folder), then the process environment.
 * Files are read when a secret is first asked for, so that a run without secrets needs none. What is given out is known
 * to the {@link Scrubber} first.
 */
export class Secrets extends Context.Service<
  Secrets,
  {
    /** The values of all names, or an error that tells all that are missing. */
    resolve(
      names: ReadonlyArray<string>
    ): Effect.Effect<ReadonlyMap<string, Redacted.Redacted<string>>, SecretsMissing | SecretsUnreadable>
    /** The value that a reference stands for: a secret's, or the one written in the file. */
    value(ref: SecretRef): Effect.Effect<Redacted.Redacted<string>, SecretsMissing | SecretsUnreadable>
    /** Where a secret is found: `.env.staging`, `.env` or `the process environment`. */
    where(name: string): Effect.Effect<Option.Option<string>, SecretsUnreadable>
  }
>()("jiji/layers/Secrets") {
  /** `env` is the process environment, unless another is given. */
  static readonly layer = (options: {
    readonly root: string
    readonly environment?: string
    readonly env?: Readonly<Record<string, string | undefined>>
  }) =>
    Layer.effect(
      Secrets,
      Effect.gen(function* () {
        const scrubber = yield* Scrubber
        const fs = yield* FileSystem.FileSystem
        const path = yield* Path.Path
        const env = options.env ?? process.env
        const files = [...(options.environment === undefined ? [] : [`.env.${options.environment}`]), ".env"]

        const read = Effect.fnUntraced(function* (file: string) {
          const bytes = yield* fs.readFile(path.join(options.root, file)).pipe(
            Effect.asSome,
            Effect.catchReason("PlatformError", "NotFound", () => Effect.succeedNone),
            Effect.mapError((reason) => new SecretsUnreadable({ file, reason }))
          )
          if (Option.isNone(bytes)) return { place: file, there: false, get: () => undefined } satisfies Place
          const text = utf8(bytes.value)
          const { faults, values } =
            typeof text === "string"
              ? parseDotEnv(text)
              : { faults: [{ line: text.line, message: "is not UTF-8 text" }], values: new Map<string, string>() }
          if (faults.length > 0) return yield* new SecretsUnreadable({ file, reason: faults })
          return { place: file, there: true, get: (name) => values.get(name) } satisfies Place
        })
        const places = yield* Effect.cached(
          Effect.map(Effect.forEach(files, read), (found): ReadonlyArray<Place> => [
            ...found,
            { place: environmentName, there: true, get: (name) => env[name] }
          ])
        )
        const lookUp = (name: string) =>
          Effect.map(places, (all) => {
            const found = all.find(({ get }) => (get(name) ?? "") !== "")
            return {
              name,
              value: Redacted.make(found?.get(name) ?? "", { label: name }),
              place: Option.fromUndefinedOr(found?.place),
              emptyIn: all.filter(({ get }) => get(name) === "").map(({ place }) => place)
            }
          })

        const resolve = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
          const found = yield* Effect.forEach(new Set(names), lookUp)
          const secrets = found
            .filter(({ place }) => Option.isNone(place))
            .map(({ emptyIn, name }) => ({ name, emptyIn }))
          if (secrets.length > 0) {
            const searched = (yield* places).map(({ place, there }) => ({ place, there }))
            return yield* new SecretsMissing({ secrets, searched })
          }
          for (const { value } of found) scrubber.add(value)
          return new Map(found.map(({ name, value }) => [name, value]))
        })
        const value = Effect.fnUntraced(function* (ref: SecretRef) {
          if (ref._tag === "Literal") {
            scrubber.add(ref.value)
            return ref.value
          }
          const values = yield* resolve([ref.name])
          // resolve has failed where a name has no value.
          return values.get(ref.name) ?? Redacted.make("")
        })
        return Secrets.of({ resolve, value, where: (name) => Effect.map(lookUp(name), ({ place }) => place) })
      })
    )
}
