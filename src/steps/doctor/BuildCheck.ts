import { Effect } from "effect"
import type { Project } from "../../config/Project.ts"
import { Diagnosis, type MachineFacts } from "../../layers/diagnosis/Diagnosis.ts"
import * as Step from "../../pipeline/Step.ts"
import { isBuilt, platformsOf } from "../Build.ts"
import { catchAsCheck, CheckResult, thisMachine, checksFor } from "./Check.ts"

/** The platforms that images are built for; undefined stands for the engine's own. */
const platforms = (project: Project): ReadonlyArray<string | undefined> => {
  const all = project.services.filter(isBuilt).flatMap((service): ReadonlyArray<string | undefined> => {
    const own = platformsOf(project, service)
    return own.length === 0 ? [undefined] : own
  })
  return [...new Set(all)]
}

/** Builds an empty image for every platform that a deploy builds for. */
export const step = Step.make(
  "build",
  Effect.fnUntraced(function* ({ looked, project }: { readonly project: Project; readonly looked?: MachineFacts }) {
    const { ok, skipped } = checksFor(thisMachine)
    const wanted = platforms(project)
    if (wanted.length === 0) return { checks: skipped("jiji builds no service", "build") }
    if (looked?.engine === undefined) return { checks: skipped("the engine is not running", "build") }
    const diagnosis = yield* Diagnosis
    const build = Effect.as(
      Effect.forEach(wanted, (platform) => diagnosis.testBuild(project.engine, platform)),
      { checks: [ok("build", `builds for ${wanted.map((platform) => platform ?? "its own platform").join(" and ")}`)] }
    )
    return yield* catchAsCheck(thisMachine, "build", build, (check) => ({ checks: [check] }))
  }),
  { result: CheckResult }
)
