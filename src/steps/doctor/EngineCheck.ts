import { Effect } from "effect"
import type { Project } from "../../config/Project.ts"
import { Diagnosis, type MachineFacts } from "../../layers/diagnosis/Diagnosis.ts"
import { local } from "../../layers/shell/Machine.ts"
import * as Step from "../../pipeline/Step.ts"
import { catchAsCheck, type Check, CheckResult, thisMachine, checksFor } from "./Check.ts"
import * as findings from "./findings.ts"

interface Adds {
  readonly checks: ReadonlyArray<Check>
  readonly looked?: MachineFacts
}

/** Checks this machine's engine. */
export const step = Step.make(
  "engine",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const look = Effect.map((yield* Diagnosis).inspect(local, project.engine), (looked): Adds => ({
      checks: [findings.engine(thisMachine, looked, project.engine), ...findings.disk(thisMachine, looked)],
      looked
    }))
    return yield* catchAsCheck(thisMachine, "engine", look, (check): Adds => ({
      checks: [check, ...checksFor(thisMachine).skipped("the engine could not be checked", "disk")]
    }))
  }),
  { result: CheckResult }
)
