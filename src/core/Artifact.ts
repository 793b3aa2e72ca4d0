import { Context, Effect, Schema } from "effect"
import { open, type FileHandle } from "node:fs/promises"
import { defineError } from "./defineError.ts"
import { CurrentPath, Events } from "./Events.ts"
import { systemErrorText } from "./systemError.ts"
import { formatBytes } from "./units.ts"

/** How large an artifact can be, and all artifacts of a run together, in bytes. */
export const artifactLimits = { one: 16_000_000, run: 64_000_000 } as const

/** A step's file cannot be kept with the run. */
export class ArtifactNotKept extends defineError<ArtifactNotKept>()("ArtifactNotKept", {
  fields: { name: Schema.String, why: Schema.String, advice: Schema.String },
  message: (e) => `Cannot keep the artifact ${JSON.stringify(e.name)}: ${e.why}.`,
  remedy: (e) => e.advice,
  exitCode: "failed",
  sample: [
    {
      name: "dump.sql",
      why: `it has 20 MB, and an artifact can have ${formatBytes(artifactLimits.one)}`,
      advice: "Compress it, or store it elsewhere."
    }
  ]
}) {}

/** Keeps the artifacts of the current run. */
export interface Artifacts {
  save(name: string, path: string, body: Uint8Array): Effect.Effect<void, ArtifactNotKept>
}

/** Undefined in dry runs and rehearsals, where nothing is kept. */
export const CurrentArtifacts = Context.Reference<Artifacts | undefined>("jiji/core/Artifact/CurrentArtifacts", {
  defaultValue: () => undefined
})

/** It becomes the name of a file, and a line of a table. */
const isName = (name: string): boolean => /^[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}$/.test(name)

export const tooLarge = (name: string, size: number): ArtifactNotKept =>
  new ArtifactNotKept({
    name,
    why: `it has ${formatBytes(size)}, and an artifact can have ${formatBytes(artifactLimits.one)}`,
    advice: "Compress it, or store it elsewhere."
  })

/** Reads a regular file. Reading a pipe would block. */
const readFile = async (name: string, file: string): Promise<Uint8Array> => {
  let handle: FileHandle | undefined
  try {
    handle = await open(file)
    const stats = await handle.stat()
    if (!stats.isFile()) {
      throw new ArtifactNotKept({ name, why: `${file} is not a file`, advice: "Pack a folder into an archive first." })
    }
    if (stats.size > artifactLimits.one) throw tooLarge(name, stats.size)
    return await handle.readFile()
  } finally {
    await handle?.close()
  }
}

/**
 * Keeps a file with the run: `jiji runs artifact NAME` copies it out later. `source` is the path of a file on this machine, or
 * its content. The name is unique within a run; if the same step saves it again, the new content counts.
 *
 * jiji does not remove secrets from artifacts. Only this user can read them, and they are deleted with the run. Dry runs and
 * rehearsals read and keep nothing.
 */
export const save = Effect.fnUntraced(function* (name: string, source: string | Uint8Array) {
  const { publish } = yield* Events
  if (!isName(name)) {
    return yield* new ArtifactNotKept({
      name,
      why: "this cannot be its name",
      advice: "Use up to 100 letters, digits, spaces, dots, dashes and underscores."
    })
  }
  const artifacts = yield* CurrentArtifacts
  if (artifacts === undefined) {
    return yield* publish({ _tag: "StepNoted", level: "info", text: `a run would keep the artifact ${name}` })
  }
  const body =
    typeof source !== "string"
      ? source
      : yield* Effect.tryPromise({
          try: () => readFile(name, source),
          catch: (reason) =>
            reason instanceof ArtifactNotKept
              ? reason
              : new ArtifactNotKept({
                  name,
                  why: `${source} cannot be read: ${systemErrorText(reason, source)}`,
                  advice: "Check that an earlier command has written the file on this machine."
                })
        })
  if (body.length > artifactLimits.one) return yield* tooLarge(name, body.length)
  yield* artifacts.save(name, yield* CurrentPath, body)
  yield* publish({ _tag: "StepNoted", level: "info", text: `kept the artifact ${name} (${formatBytes(body.length)})` })
})
