import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"

test("docs/pipelines.md has the current flowchart of the deploy pipeline", () => {
  const page = readFileSync(join(import.meta.dir, "../../docs/pipelines.md"), "utf8")
  expect(page).toContain(`\`\`\`mermaid\n${Pipeline.toMermaid(deploy)}\`\`\``)
})
