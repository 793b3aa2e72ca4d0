import { deploy, Pipeline, type Project, Runnable, Step } from "jiji"

interface Input {
  readonly project: Project
}

export const release = Pipeline.make<Input>("release").pipe(
  Pipeline.step(Step.waitFor("approved", { within: "1 day" })),
  Pipeline.pipeline(deploy)
)

export default Runnable.make({
  description: "Wait for an approval, then deploy",
  // A newer push takes the place of one that still waits.
  concurrency: { key: "release", whenBusy: "replace" },
  pipeline: release
})
