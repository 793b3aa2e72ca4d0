import { Effect } from "effect"
import type { Project } from "../../config/Project.ts"
import { LocalRegistry, type Served } from "../../layers/registry/LocalRegistry.ts"
import { RegistryPortTaken } from "../../layers/registryContainer/RegistryContainerError.ts"
import * as Step from "../../pipeline/Step.ts"
import { catchAsCheck, type Check, CheckResult, thisMachine, checksFor } from "./Check.ts"
import * as Container from "./registryContainer.ts"

interface Adds {
  readonly checks: ReadonlyArray<Check>
  /** Where the registry listens until the pipeline ends. */
  readonly served?: Served
}

/** Serves the local registry without any images, so that servers can try to reach it. */
export const step = Step.make(
  "serve",
  Effect.fnUntraced(function* ({ project: { engine, registry } }: { readonly project: Project }) {
    const none: Adds = { checks: [] }
    if (registry.type === "remote") return none
    const { port } = registry
    const { ok, warning } = checksFor(thisMachine)
    const local = yield* LocalRegistry
    const only = new Set<string>()

    const serve = Effect.gen(function* () {
      const folder = yield* local.folder
      const container = registry.container && (yield* Container.checkRegistryContainer(engine, port))
      if (container?.answers === true) {
        const served = yield* local.serve({ port: 0, from: port, only })
        return { checks: [ok("registry", container.text)], served } satisfies Adds as Adds
      }
      const served = yield* local.serve({ port, only })
      if (served.port === port) {
        const detail = container?.text ?? `${folder} is writable`
        return { checks: [ok("registry", `port ${port} is free, and ${detail}`)], served } satisfies Adds as Adds
      }
      // A container cannot use another port.
      if (container !== undefined)
        return yield* new RegistryPortTaken({ port, detail: "another program listens there." })
      const check = warning(
        "registry",
        `port ${port} is taken on this machine; deploys will use another one`,
        `To see what listens there: ss -ltnp 'sport = :${port}'`
      )
      return { checks: [check], served } satisfies Adds as Adds
    })
    return yield* catchAsCheck(thisMachine, "registry", serve, (check): Adds => ({ checks: [check] }))
  }),
  { result: CheckResult }
)
