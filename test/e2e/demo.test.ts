import { expect, test } from "bun:test"
import { readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Host } from "./Host.ts"
import type { Hosts } from "./Hosts.ts"
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

/** What the engine of a host has. */
const kept = async ({ operator }: Hosts) => {
  const list = async (...words: ReadonlyArray<string>) =>
    (await operator.run(["docker", ...words])).split("\n").toSorted()
  return {
    containers: await operator.containers(),
    images: await operator.images(),
    networks: await list("network", "ls", "--format", "{{.Name}}"),
    volumes: await list("volume", "ls", "--quiet")
  }
}

test("starts an engine when none runs, shows all deploys, and leaves nothing behind", async () => {
  const before = await traces(bare.operator, bare.home)
  const run = await bare.operator.try([demo])
  expect(run).toMatchObject({ code: 0, stderr: "" })
  expect(run.stdout).toContain("<h1>Hello, version 1</h1>")
  expect(run.stdout).toContain("<h1>Hello, version 2</h1>")
  expect(run.stdout).toContain("already up to date")
  expect(run.stdout).toMatch(/^\+ {5}proxy: \{ hosts: \[hello\.test\], port: 80, tls: off \}$/m)
  expect(run.stdout).toContain("sandbox proxy: the proxy was started")
  expect(run.stdout).toContain("<h1>Hello, version 3</h1>")
  const [, requests] = /\n0 of (\d+) requests failed\n$/.exec(run.stdout) ?? []
  expect(Number(requests)).toBeGreaterThan(100)
  expect(await traces(bare.operator, bare.home)).toEqual(before)
})

test("shows how a push, an approval and a killed jiji serve lead to a deploy, and leaves nothing behind", async () => {
  const before = await traces(bare.operator, bare.home)
  const run = await bare.operator.try([demo, "--serve"])
  expect([run.code, run.stderr]).toEqual([
    0,
    expect.stringContaining('remote: {"delivery":1,"verdict":"started","run":1}')
  ])
  expect(run.stdout).toContain("Run 1 waits for an approval.")
  expect(run.stdout).toMatch(/✓ approved .* done before\n/)
  expect(run.stdout).toMatch(/✓ push .* done before\n/)
  expect(run.stdout).toMatch(/✓ deploy +[\d.]+ s\n/)
  expect(run.stdout).toContain("<h1>Hello, version 1</h1>")
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

const everything = async () => ({ ...(await traces(running.operator, running.home)), ...(await kept(running)) })

test("uses the engine that runs, and removes only what it created", async () => {
  const { operator } = running
  const context = join(running.folder, "kept")
  await operator.run([
    "sh",
    "-c",
    `mkdir ${context} && printf 'FROM scratch\\nCOPY Dockerfile /\\n' >${context}/Dockerfile`
  ])
  await operator.run(["docker", "build", "--tag", "localhost:9270/hello-web:kept", context])
  const before = await everything()
  const run = await operator.try([demo])
  expect(run).toMatchObject({ code: 0, stderr: "" })
  expect(run.stdout).not.toContain("starting one")
  expect(run.stdout).toMatch(/\n0 of [1-9]\d* requests failed\n$/)
  expect(await operator.images()).toEqual(["localhost:9270/hello-web:kept"])
  expect(await operator.containers()).toEqual([])
  expect(await everything()).toEqual(before)
})

test.each([
  ["while the proxy starts", "proxy-image: done"],
  ["under load", "s/version 2/version 3/"]
])("leaves nothing behind after Ctrl-C %s", async (_, moment) => {
  const { operator } = running
  const before = await everything()
  const run = operator.start([demo])
  await run.waitFor(moment)
  run.killGroup("SIGINT")
  const { code, stderr } = await run.done
  expect(code).toBe(130)
  expect(stderr).not.toContain(demo) // where bash reports a job that ended
  expect(await everything()).toEqual(before)
})

test("leaves a proxy alone that it did not start", async () => {
  const { operator } = running
  await operator.run(["docker", "create", "--name", "jiji-proxy", "localhost:9270/hello-web:kept", "none"])
  const before = await everything()
  const run = await operator.try([demo])
  expect(run).toMatchObject({ code: 0, stderr: "" })
  expect(run.stdout).toContain("<h1>Hello, version 2</h1>")
  expect(run.stdout).toMatch(/\nSkipped the proxy: .* the demo leaves that alone\.\n$/)
  expect(await everything()).toEqual(before)
  await operator.run(["docker", "rm", "jiji-proxy"])
})
