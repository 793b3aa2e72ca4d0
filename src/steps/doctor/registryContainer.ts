import { Effect, Option } from "effect"
import type { Engine } from "../../config/Project.ts"
import { Diagnosis } from "../../layers/diagnosis/Diagnosis.ts"
import * as Probe from "../../layers/registry/Probe.ts"
import { containerName as name } from "../../layers/registryContainer/RegistryContainer.ts"
import {
  RegistryContainerElsewhere,
  RegistryContainerForeign,
  RegistryContainerSilent
} from "../../layers/registryContainer/RegistryContainerError.ts"

/** How long a running container may take to answer, in seconds. */
const seconds = 3

/** Checks whether the registry's container can be used by a deploy. Neither creates nor starts it. */
export const checkRegistryContainer = Effect.fnUntraced(function* (engine: Engine, port: number) {
  const found = yield* (yield* Diagnosis).registryContainer(engine)
  if (Option.isNone(found)) return { answers: false, text: "the next deploy creates the registry's container" }
  const { port: own, runs } = found.value
  if (own === undefined) return yield* new RegistryContainerForeign({ engine, name })
  if (own !== port) return yield* new RegistryContainerElsewhere({ engine, name, wanted: port, port: own })
  if (!runs) return { answers: false, text: "the next deploy starts the registry's container" }
  if (yield* Probe.isReady(`http://127.0.0.1:${port}`)) {
    return { answers: true, text: `the container ${name} answers on port ${port}` }
  }
  return yield* new RegistryContainerSilent({ engine, name, port, seconds })
})
