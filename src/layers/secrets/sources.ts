import { Effect, Path } from "effect"
import { type DotEnvValue, parseDotEnv } from "../../config/DotEnv.ts"
import { readRegularFile } from "../../config/regularFile.ts"
import { decodeUtf8 } from "../../config/utf8.ts"
import { SecretsUnreadable } from "./SecretsError.ts"

/** A source of secrets. */
export interface SecretSource {
  /** Its name in messages: `.env.staging`, `the process environment`. */
  readonly place: string
  readonly exists: boolean
  readonly get: (name: string) => DotEnvValue | undefined
}

const readFile = Effect.fnUntraced(function* (root: string, file: string) {
  const path = yield* Path.Path
  const bytes = yield* Effect.mapError(
    readRegularFile(path.join(root, file)),
    (reason) => new SecretsUnreadable({ file, reason })
  )
  if (bytes === undefined) return { place: file, exists: false, get: () => undefined } satisfies SecretSource
  const text = decodeUtf8(bytes)
  if (typeof text !== "string") {
    const faults = [{ line: text.line, message: "is not UTF-8 text" }]
    return yield* new SecretsUnreadable({ file, reason: faults })
  }
  const { faults, values } = parseDotEnv(text)
  if (faults.length > 0) return yield* new SecretsUnreadable({ file, reason: faults })
  return { place: file, exists: true, get: (name) => values.get(name) } satisfies SecretSource
})

/**
 * Reads all sources, in search order: `.env.ENVIRONMENT`, `.env`, the process environment. Values in the process
 * environment are never commands.
 */
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
  return [...found, { place: "the process environment", exists: true, get }]
})
