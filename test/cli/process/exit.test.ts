import { expect, test } from "bun:test"
import { Cause } from "effect"
import { exitReport } from "../../../src/cli/process/exit.ts"
import { BuildFailed } from "../../../src/layers/docker/DockerError.ts"

test("output of a server is indented, so that CI systems do not execute it as commands", () => {
  const log = "Step 1/2\n::add-mask::e\n##[error]no\nhidden\r::stop-commands::x\n  ::set-output::y"
  expect(exitReport(Cause.fail(new BuildFailed({ service: "web", code: 2, log }))).text).toBe(
    [
      "error: The image of web failed to build (exit code 2):",
      "  | Step 1/2",
      "  | ::add-mask::e",
      "  | # #[error]no",
      "  | ::stop-commands::x",
      "  |   ::set-output::y",
      "  → Fix the error shown above, in the Dockerfile or in the code that it builds.",
      ""
    ].join("\n")
  )
})
