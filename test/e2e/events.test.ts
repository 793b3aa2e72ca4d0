import { beforeAll, expect, test } from "bun:test"
import { join } from "node:path"
import { faults } from "../docs/eventLines.ts"
import { emulator } from "../reporters/emulator.ts"
import { done } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const main = join(import.meta.dir, "../../src/main.ts")

let shop: TestProject

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  shop = writeProject(hosts, { name: "shop", image: { page: "one", megabytes: 30 } })
})

/** The events of a run, as a program that knows nothing about jiji reads them. */
const events = (stdout: string) => {
  expect(faults(stdout)).toEqual([])
  const all = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1))
  expect(new Set(all.map(({ run }) => run)).size).toBe(1)
  return all
}

test("every event of a real deploy matches the published schema, with its progress in bytes", async () => {
  const run = done(await shop.jiji(["deploy", "--json"]))
  expect(run.stderr).toBe("")
  const all = events(run.stdout)
  expect([all[0]._tag, all.at(-1)._tag]).toEqual(["RunStarted", "RunSucceeded"])
  const size = 30 << 20
  const progress = (name: RegExp, label: string) =>
    all.filter(({ _tag, label: said, path }) => _tag === "StepProgress" && said === label && name.test(path))
  for (const { bytes, total } of progress(/push$/, "read")) {
    expect(total).toBeGreaterThanOrEqual(bytes)
    expect(total).toBeGreaterThan(size)
  }
  expect(progress(/push$/, "new")).toMatchObject([{ bytes: expect.any(Number) }])
  for (const host of ["h1", "h2"]) {
    const pulled = progress(new RegExp(`\\[${host}\\].*/pull$`), "through the tunnel")
    expect(pulled.at(-1).bytes).toBeGreaterThan(size)
    const counts = pulled.map(({ bytes }) => bytes)
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    const [first, last] = [pulled[0].time, pulled.at(-1).time]
    expect(pulled.length).toBeLessThanOrEqual((last - first) / 200 + 2)
  }
})

test("every event of a failed deploy matches the schema, and the error is on stderr", async () => {
  shop.change({ page: "two", crashes: true })
  const run = await shop.jiji(["deploy", "--json"])
  expect(run.code).toBe(1)
  const all = events(run.stdout)
  expect(all.at(-1)).toMatchObject({ _tag: "RunFailed" })
  expect(run.stderr).toStartWith("error: The new container of web on h")
})

test("a terminal shows the deploy line by line, and is left clean", async () => {
  shop.change({ page: "three", megabytes: 20 })
  const command = `stty cols 40 rows 24; exec '${process.execPath}' '${main}' deploy`
  const run = hosts.operator.start(["script", "-qefc", command, "/dev/null"], {
    cwd: shop.root,
    env: { TERM: "xterm-256color", SHELL: "/bin/sh", NO_COLOR: "1" }
  })
  const { code, stdout } = await run.done
  const screen = emulator(40, 24)
  screen.write(stdout)
  expect([code, await screen.wrapped()]).toEqual([0, false])
  const text = await screen.all()
  expect(text).toMatch(/^deploy\n- secrets/)
  for (const line of [/^✓ build /m, /^✓ push /m, /^✓ pull .*h1 web/m, /^✓ pull .*h2 web/m, /^✓ done in /m]) {
    expect(text).toMatch(line)
  }
  expect(text.split("\n").filter((line) => line.startsWith("✓ deploy"))).toHaveLength(2)
  expect(text).not.toContain("·")
  // What it showed while steps were running.
  expect(stdout).toMatch(/· build +\d+ s/)
  expect(stdout).toMatch(/· pull +\d+ s {2}h\d web/)
})
