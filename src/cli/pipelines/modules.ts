import { Effect } from "effect"

/** Modules by what they are imported as: `jiji`, `effect/cli` and the like. */
export type Modules = Readonly<Record<string, object>>

let carried: Modules | undefined

/** Has the modules at hand, for a program that is one file. */
export const carry = (modules: Modules): void => {
  carried = modules
}

/**
 * Gives the running program's own modules to what a pipeline's file imports. There may be no others, where jiji is one
 * file; and where there are, services and errors of two copies would not know each other.
 */
export const provideModules = (load: () => Promise<Modules>): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.promise(async () => carried ?? (await load())),
    (modules) =>
      Effect.sync(() =>
        Bun.plugin({
          name: "jiji",
          setup: (build) => {
            for (const [name, exports] of Object.entries(modules)) {
              build.module(name, () => ({ loader: "object", exports: { ...exports } }))
            }
          }
        })
      )
  )
