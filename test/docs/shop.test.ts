import { expect, test } from "bun:test"
import { join } from "node:path"
import { compileFirst, project } from "../cli/project.ts"
import { program } from "../support/program.ts"

compileFirst()

test("examples/shop starts the database, migrates, and then starts web and worker", () => {
  using folder = project({})
  const cwd = join(import.meta.dir, "../../examples/shop")
  const run = Bun.spawnSync([program, "deploy", "--dry-run"], { cwd, env: folder.env, stdin: "ignore" })
  expect([run.exitCode, run.stderr.toString()]).toEqual([0, ""])
  // Others hold versions for a rollback.
  const created = run.stdout.toString().match(/(?<=docker create --name shop-)[^.\s]+(?=\s)/g)
  expect(created).toEqual(["db-next", "web-release", "web-next", "web-2-next", "worker-next"])
})
