import { expect, test } from "bun:test"
import { readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Host } from "./Host.ts"
import { withHosts } from "./withHosts.ts"

const demo = join(import.meta.dir, "../../bin/demo")
const bare = withHosts({}, "none")
const running = withHosts({}, "docker")

/** What a demo could leave behind: processes, interfaces, mounts, listening ports, its folder. */
const traces = async (operator: Host, home: string) => ({
  processes: operator.processes().map(({ words }) => words.slice(0, 2).join(" ")),
  interfaces: (await operator.run(["ip", "-o", "link"])).split("\n").map((line) => line.split(": ")[1]),
  mounts: (await operator.run(["cat", "/proc/self/mounts"])).split("\n").filter((line) => line.includes("demo")),
  listeners: await operator.listeners(),
  files: readdirSync(join(dirname(home), "tmp"))
})

test("starts an engine when none runs, shows all deploys, and leaves nothing behind", async () => {
  const before = await traces(bare.operator, bare.home)
  const run = await bare.operator.try([demo])
  expect(run).toMatchObject({ code: 0, stderr: "" })
  expect(run.stdout).toContain("<h1>Hello, version 1</h1>")
  expect(run.stdout).toContain("<h1>Hello, version 2</h1>")
  expect(run.stdout).toContain("already up to date")
  expect(await traces(bare.operator, bare.home)).toEqual(before)
})

test("leaves nothing behind after Ctrl-C in the middle of a deploy", async () => {
  const before = await traces(bare.operator, bare.home)
  const run = bare.operator.start([demo])
  await run.waitFor("web build: done")
  run.killGroup("SIGINT")
  expect((await run.done).code).toBe(130)
  expect(await traces(bare.operator, bare.home)).toEqual(before)
})

test("uses the engine that runs, and removes only what it created", async () => {
  const { home, operator } = running
  const context = join(running.folder, "kept")
  await operator.run([
    "sh",
    "-c",
    `mkdir ${context} && printf 'FROM scratch\\nCOPY Dockerfile /\\n' >${context}/Dockerfile`
  ])
  await operator.run(["docker", "build", "--tag", "localhost:9270/hello-web:kept", context])
  const before = await traces(operator, home)
  const run = await operator.try([demo])
  expect(run).toMatchObject({ code: 0, stderr: "" })
  expect(run.stdout).not.toContain("starting one")
  expect(await operator.images()).toEqual(["localhost:9270/hello-web:kept"])
  expect(await operator.containers()).toEqual([])
  expect(await traces(operator, home)).toEqual(before)
})
