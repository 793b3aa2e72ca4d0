import { Context, Effect } from "effect"

type Module = typeof import("./module.ts")

let embedded: Module | undefined

/** Makes the server part of this program, so that {@link ServeModule} need not import it. */
export const embedServe = (module: Module): void => {
  embedded = module
}

/** The server. Only `jiji serve` and `jiji token` load it, so that other commands start as fast as without it. */
export class ServeModule extends Context.Service<ServeModule, { readonly load: Effect.Effect<Module> }>()(
  "jiji/cli/ServeModule"
) {
  /** `load` is called only when the server is needed and not embedded. */
  static readonly make = (load: () => Promise<Module>) =>
    ServeModule.of({ load: Effect.promise(async () => embedded ?? (await load())) })
}
