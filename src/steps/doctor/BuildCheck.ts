import { Effect } from "effect"
import type { Project } from "../../config/Project.ts"
import { Docker } from "../../layers/docker/Docker.ts"
import { EngineMissing } from "../../layers/docker/DockerError.ts"
import { Diagnosis, type MachineFacts } from "../../layers/diagnosis/Diagnosis.ts"
import * as Step from "../../pipeline/Step.ts"
import { isBuilt, platformsOf } from "../Build.ts"
import { builderOf } from "../builder.ts"
import { builderIn, catchAsCheck, CheckResult, checksFor } from "./Check.ts"

/** The platforms that images are built for; undefined stands for the engine's own. */
const platforms = (project: Project): ReadonlyArray<string | undefined> => {
  const all = project.services.filter(isBuilt).flatMap((service): ReadonlyArray<string | undefined> => {
    const own = platformsOf(project, service)
    return own.length === 0 ? [undefined] : own
  })
  return [...new Set(all)]
}

/** Checks that the engine can do what the builds ask of it, and builds an empty image for each of their platforms. */
export const step = Step.make(
  "build",
  Effect.fnUntraced(function* ({ looked, project }: { readonly project: Project; readonly looked?: MachineFacts }) {
    const name = builderIn(project)
    const { failed, ok, skipped } = checksFor(name)
    const wanted = platforms(project)
    if (wanted.length === 0) return { checks: skipped("jiji builds no service", "build") }
    if (looked?.engine === undefined) return { checks: skipped("the engine is not running", "build") }
    const { engine } = project
    const on = builderOf(project)
    // A server that runs containers may have the other engine.
    if (looked.engine.name !== engine)
      return { checks: [failed("build", new EngineMissing({ machine: name, engine }))] }
    const diagnosis = yield* Diagnosis
    const docker = yield* Docker
    const build = Effect.gen(function* () {
      for (const service of project.services.filter(isBuilt)) {
        const isOneOfSeveral = platformsOf(project, service).length > 1
        yield* docker.checkBuilder({ engine, service: service.name, source: service.source, isOneOfSeveral, on })
      }
      yield* Effect.forEach(wanted, (platform) => diagnosis.testBuild(engine, platform, on))
      const text = `builds for ${wanted.map((platform) => platform ?? "its own platform").join(" and ")}`
      return { checks: [ok("build", text)] }
    })
    return yield* catchAsCheck(name, "build", build, (check) => ({ checks: [check] }))
  }),
  { result: CheckResult }
)
