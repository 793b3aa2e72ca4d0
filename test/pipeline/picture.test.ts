import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"

test("the picture of the deploy in docs/pipelines.md is the deploy's own", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/pipelines.md"), "utf8")
  expect(page).toContain(`\`\`\`mermaid\n${Pipeline.toMermaid(deploy)}\`\`\``)
})
