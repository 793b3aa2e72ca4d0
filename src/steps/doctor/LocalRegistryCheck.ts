import { Effect } from "effect"
import type { Project } from "../../config/Project.ts"
import { LocalRegistry, type Served } from "../../layers/registry/LocalRegistry.ts"
import { RegistryPortTaken } from "../../layers/registryContainer/RegistryContainerError.ts"
import * as Step from "../../pipeline/Step.ts"
import { caught, type Check, Checked, here, on } from "./Check.ts"
import * as Container from "./registryContainer.ts"

interface Adds {
  readonly checks: ReadonlyArray<Check>
  /** Where the registry is, for as long as the pipeline lasts. */
  readonly served?: Served
}

/** Keeps the local registry open without an image in it, so that servers can try to reach it. */
export const step = Step.make(
  "serve",
  Effect.fnUntraced(function* ({ project: { engine, registry } }: { readonly project: Project }) {
    const none: Adds = { checks: [] }
    if (registry.type === "remote") return none
    const { port } = registry
    const { ok, warning } = on(here)
    const local = yield* LocalRegistry
    const only = new Set<string>()

    const serve = Effect.gen(function* () {
      const folder = yield* local.folder
      const container = registry.container && (yield* Container.look(engine, port))
      if (container?.answers === true) {
        const served = yield* local.serve({ port: 0, from: port, only })
        return { checks: [ok("registry", container.text)], served } satisfies Adds as Adds
      }
      const served = yield* local.serve({ port, only })
      if (served.port === port) {
        const can = container?.text ?? `${folder} can be written to`
        return { checks: [ok("registry", `port ${port} is free, and ${can}`)], served } satisfies Adds as Adds
      }
      // A container has no other port to go to.
      if (container !== undefined)
        return yield* new RegistryPortTaken({ port, detail: "another program listens there." })
      const check = warning(
        "registry",
        `port ${port} is taken on this machine; deploys use a free one`,
        `See what listens there: ss -ltnp 'sport = :${port}'`
      )
      return { checks: [check], served } satisfies Adds as Adds
    })
    return yield* caught(here, "registry", serve, (check): Adds => ({ checks: [check] }))
  }),
  { result: Checked }
)
