import { expect, test } from "bun:test"
import { Database } from "bun:sqlite"
import { join } from "node:path"
import { compileFirst } from "../cli/project.ts"
import { makeServer } from "./server.ts"

compileFirst()

/** Runs a statement on the database of a folder's server. */
const change = (folder: ReturnType<typeof makeServer>, statement: string) => {
  using db = new Database(join(folder.root, ".local/state/jiji/serve.sqlite"))
  db.run(statement)
}

test("jiji serve starts after one that was killed in another container, whose processes it cannot see", async () => {
  using folder = makeServer()
  const killed = await folder.serve()
  killed.child.kill("SIGKILL")
  await killed.exited()
  change(folder, "UPDATE server SET owner = '3f2a6c8d91b0 - 1 100'")
  expect((await folder.serve()).url).toStartWith("http://")
})

test("jiji serve does not start beside another one, even if that is not written down", async () => {
  using folder = makeServer()
  const server = await folder.serve()
  change(folder, "DELETE FROM server")
  expect((await folder.serve()).url).toContain("exited: error: Another jiji serve")
  expect(server.child.exitCode).toBeNull()
})
