import { Context, Effect } from "effect"

/** Modules by the name that they are imported with: `jiji`, `effect/cli`. */
type Modules = Readonly<Record<string, object>>

let embedded: Modules | undefined

/** Makes modules part of this program, so that {@link PipelineModules} need not import them. */
export const embedModules = (modules: Modules): void => {
  embedded = modules
}

/** The modules that a pipeline file can import. */
export class PipelineModules extends Context.Service<PipelineModules, { readonly load: Effect.Effect<Modules> }>()(
  "jiji/cli/PipelineModules"
) {
  /** `load` is called only when the modules are needed and not embedded. */
  static readonly make = (load: () => Promise<Modules>) =>
    PipelineModules.of({ load: Effect.promise(async () => embedded ?? (await load())) })
}

/**
 * Makes the running program's own modules available to imports of a pipeline file. A compiled jiji has no others, and
 * services and errors of a second copy would not be recognized.
 */
export const registerModules = Effect.gen(function* () {
  const modules = yield* (yield* PipelineModules).load
  yield* Effect.sync(() =>
    Bun.plugin({
      name: "jiji",
      setup: (build) => {
        for (const [name, exports] of Object.entries(modules)) {
          build.module(name, () => ({ loader: "object", exports: { ...exports } }))
        }
      }
    })
  )
})
