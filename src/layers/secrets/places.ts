import { Effect, Path } from "effect"
import { type DotEnvValue, parseDotEnv } from "../../config/DotEnv.ts"
import { readRegularFile } from "../../config/regularFile.ts"
import { decodeUtf8 } from "../../config/utf8.ts"
import { SecretsUnreadable } from "./SecretsError.ts"

/** A place where secrets are looked for. */
export interface SecretSource {
  /** As a person calls it: `.env.staging`, `the process environment`. */
  readonly place: string
  readonly there: boolean
  readonly get: (name: string) => DotEnvValue | undefined
}

const readFile = Effect.fnUntraced(function* (root: string, file: string) {
  const path = yield* Path.Path
  const bytes = yield* Effect.mapError(
    readRegularFile(path.join(root, file)),
    (reason) => new SecretsUnreadable({ file, reason })
  )
  if (bytes === undefined) return { place: file, there: false, get: () => undefined } satisfies SecretSource
  const text = decodeUtf8(bytes)
  if (typeof text !== "string") {
    const faults = [{ line: text.line, message: "is not UTF-8 text" }]
    return yield* new SecretsUnreadable({ file, reason: faults })
  }
  const { faults, values } = parseDotEnv(text)
  if (faults.length > 0) return yield* new SecretsUnreadable({ file, reason: faults })
  return { place: file, there: true, get: (name) => values.get(name) } satisfies SecretSource
})

/** All places in the order of the search: `.env.ENVIRONMENT`, `.env`, the process environment, in which nothing is a command. */
export const readSources = Effect.fnUntraced(function* (options: {
  readonly root: string
  readonly environment?: string
  readonly env: Readonly<Record<string, string | undefined>>
}) {
  const files = [...(options.environment === undefined ? [] : [`.env.${options.environment}`]), ".env"]
  const found: ReadonlyArray<SecretSource> = yield* Effect.forEach(files, (file) => readFile(options.root, file))
  const get = (name: string): DotEnvValue | undefined => {
    const text = options.env[name]
    return text === undefined ? undefined : { _tag: "Text", text }
  }
  return [...found, { place: "the process environment", there: true, get }]
})
