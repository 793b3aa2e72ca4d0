import { Effect } from "effect"
import type { Project } from "../../config/Project.ts"
import { LocalRegistry, type Served } from "../../layers/LocalRegistry.ts"
import * as Step from "../../pipeline/Step.ts"
import { caught, type Check, Checked, here, on } from "./Check.ts"

interface Adds {
  readonly checks: ReadonlyArray<Check>
  /** Where the registry is, for as long as the pipeline lasts. */
  readonly served?: Served
}

/** Keeps the local registry open without an image in it, so that servers can try to reach it. */
export const step = Step.make(
  "serve",
  Effect.fnUntraced(function* ({ project: { registry } }: { readonly project: Project }) {
    const none: Adds = { checks: [] }
    if (registry.type === "remote") return none
    const { ok, warning } = on(here)
    const local = yield* LocalRegistry
    const serve = Effect.gen(function* () {
      const folder = yield* local.folder
      const served = yield* local.serve({ port: registry.port, only: new Set() })
      const check =
        served.port === registry.port
          ? ok("registry", `port ${registry.port} is free, and ${folder} can be written to`)
          : warning(
              "registry",
              `port ${registry.port} is taken on this machine; deploys use a free one`,
              `See what listens there: ss -ltnp 'sport = :${registry.port}'`
            )
      return { checks: [check], served } satisfies Adds as Adds
    })
    return yield* caught(here, "registry", serve, (check): Adds => ({ checks: [check] }))
  }),
  { result: Checked }
)
