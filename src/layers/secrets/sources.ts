import { Effect, Path } from "effect"
import { type DotEnvFault, type DotEnvValue, parseDotEnv } from "../../config/DotEnv.ts"
import { readRegularFile } from "../../config/regularFile.ts"
import { decodeLines } from "../../config/utf8.ts"
import { SecretsUnreadable } from "./SecretsError.ts"

/** A source of secrets. */
export interface SecretSource {
  /** Its name in messages: `.env.staging`, `the process environment`. */
  readonly place: string
  readonly exists: boolean
  readonly get: (name: string) => DotEnvValue | undefined
  /** What is wrong with its lines. */
  readonly faults: ReadonlyArray<DotEnvFault>
  /** Whether such a line may define this secret. */
  readonly mayDefine: (name: string) => boolean
  /** Such lines where a missing secret may be. */
  readonly linesFor: (name: string) => ReadonlyArray<number>
}

const faultless = { faults: [], mayDefine: () => false, linesFor: () => [] } as const

/** The `.env` files of an environment, in search order. */
export const dotEnvFiles = (environment: string | undefined): ReadonlyArray<string> => [
  ...(environment === undefined ? [] : [`.env.${environment}`]),
  ".env"
]

/** Reads a `.env` file of a project's folder. */
export const readSource = Effect.fnUntraced(function* (root: string, file: string) {
  const path = yield* Path.Path
  const bytes = yield* Effect.mapError(
    readRegularFile(path.join(root, file)),
    (reason) => new SecretsUnreadable({ file, reason })
  )
  if (bytes === undefined)
    return { ...faultless, place: file, exists: false, get: () => undefined } satisfies SecretSource
  const { values, ...lines } = parseDotEnv(decodeLines(bytes))
  return { ...lines, place: file, exists: true, get: (name) => values.get(name) } satisfies SecretSource
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
  const found: ReadonlyArray<SecretSource> = yield* Effect.forEach(dotEnvFiles(options.environment), (file) =>
    readSource(options.root, file)
  )
  const get = (name: string): DotEnvValue | undefined => {
    const text = options.env[name]
    return text === undefined ? undefined : { _tag: "Text", text }
  }
  const environment: SecretSource = { ...faultless, place: "the process environment", exists: true, get }
  return [...found, environment]
})
