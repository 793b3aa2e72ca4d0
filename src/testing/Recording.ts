import { Effect, Layer } from "effect"
import { RegistryContainer } from "../layers/RegistryContainer.ts"
import type { Answer } from "./Answer.ts"
import { Recording } from "./recording/Entries.ts"
import * as Registry from "./recording/Registry.ts"
import * as Script from "./recording/Script.ts"
import * as Shell from "./recording/Shell.ts"
import * as Ssh from "./recording/Ssh.ts"

export { type Entry, Recording } from "./recording/Entries.ts"

/**
 * Layers that touch nothing, no process, no connection and no file: what is done on a machine is recorded, and answered
 * from a script. The first answer that fits counts; where none does, all goes well.
 */
export const machines = (script: Script.Script) =>
  Layer.mergeAll(
    RegistryContainer.asking(() => Effect.succeed(true)),
    Registry.layer
  ).pipe(Layer.provideMerge(Shell.layer(script)), Layer.provideMerge(Ssh.layer(script)))

/** The same, with the {@link Recording} of what was done. */
export const layer = (answers: ReadonlyArray<Answer> = []) =>
  Layer.unwrap(Effect.sync(() => machines(Script.make(answers)))).pipe(
    Layer.provideMerge(Layer.sync(Recording, Recording.make))
  )
