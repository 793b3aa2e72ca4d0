import { Effect, Result } from "effect"
import type { Project, Server } from "../../config/Project.ts"
import { Diagnosis, type MachineFacts } from "../../layers/diagnosis/Diagnosis.ts"
import { Docker } from "../../layers/docker/Docker.ts"
import { remote } from "../../layers/shell/Machine.ts"
import * as Step from "../../pipeline/Step.ts"
import { isBuilt } from "../Build.ts"
import { builderIn, catchAsCheck, type Check, CheckResult, checksFor } from "./Check.ts"
import * as findings from "./findings.ts"

interface Adds {
  readonly checks: ReadonlyArray<Check>
  readonly found?: MachineFacts
}

/** Checks a server's engine, processor, disk and clock. */
export const step = Step.make(
  "look",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: Server
    readonly connected?: true
    readonly looked?: MachineFacts
  }) {
    const { looked, project, server } = state
    const none: Adds = { checks: [] }
    if (state.connected === undefined) return none
    const builds = project.services.some((service) => isBuilt(service) && service.hosts.includes(server.name))
    const own = builds ? looked?.processor : undefined
    const inspect = (yield* Diagnosis).inspect(remote(server), project.engine)
    // A deploy begins with this, so it also decides here whether the engine can be used.
    const probe = Effect.result((yield* Docker).probe(server, project.engine, project.name))
    const look = Effect.map(Effect.all([inspect, probe], { concurrency: 2 }), ([found, probed]): Adds => ({
      checks: [
        Result.isFailure(probed)
          ? checksFor(server.name).failed("engine", probed.failure)
          : findings.engine(server.name, found, project.engine, probed.success),
        ...findings.names(server.name, found),
        findings.processor(server.name, found.processor, server.arch, own, builderIn(project)),
        ...findings.disk(server.name, found),
        findings.clock(server.name, found)
      ],
      found
    }))
    return yield* catchAsCheck(server.name, "engine", look, (check): Adds => ({
      checks: [
        check,
        ...checksFor(server.name).skipped("the server could not be checked", "processor", "disk", "clock")
      ]
    }))
  }),
  { result: CheckResult }
)
