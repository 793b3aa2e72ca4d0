import { Effect } from "effect"
import type { Project } from "../../config/Project.ts"
import { Diagnosis, type Looked } from "../../layers/diagnosis/Diagnosis.ts"
import { local } from "../../layers/shell/Machine.ts"
import * as Step from "../../pipeline/Step.ts"
import { caught, type Check, Checked, here, on } from "./Check.ts"
import * as findings from "./findings.ts"

interface Adds {
  readonly checks: ReadonlyArray<Check>
  readonly looked?: Looked
}

/** Looks at this machine's engine. */
export const step = Step.make(
  "engine",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const look = Effect.map((yield* Diagnosis).look(local, [project.engine]), (looked): Adds => ({
      checks: [findings.engine(here, looked, project.engine), ...findings.disk(here, looked)],
      looked
    }))
    return yield* caught(here, "engine", look, (check): Adds => ({
      checks: [check, ...on(here).skipped("the engine was not seen", "disk")]
    }))
  }),
  { result: Checked }
)
