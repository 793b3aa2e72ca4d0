import { beforeAll, expect, test } from "bun:test"
import { kill } from "../support/processes.ts"
import { until } from "../support/waiting.ts"
import type { ServerHost } from "./Host.ts"
import { containersOf, done, outcomes, page, quietTraces, type Traces, untilQuiet } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

let quiet: Traces

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  quiet = await quietTraces(hosts)
})

const nothingIsLeft = () => untilQuiet(hosts, quiet)
const token = "s3cret-t0ken"

/** A service that writes a volume, and the script of its release. */
const write = (version: string, script: string, timeout = "1m", files: ReadonlyArray<object> = []): TestProject =>
  writeProject(hosts, {
    name: "shop",
    image: { page: version },
    config: {
      services: {
        web: {
          volumes: ["files:/data"],
          files,
          environment: { clear: { LEVEL: "high" }, secrets: ["TOKEN"] },
          release: { command: ["/bin/busybox", "sh", "-c", script], timeout },
          health: { running_for: "0s" }
        }
      }
    }
  })
const options = { env: { TOKEN: token } }

const names = async (server: ServerHost) =>
  (await containersOf(server, "shop")).map(({ name, state }) => `${name} ${state}`)
/** The script of a release, what runs it, the engine's client, and what ends the release after a minute. */
const programsOf = (server: ServerHost) =>
  server
    .processes()
    .filter(
      ({ words }) =>
        ["name=shop-web-release", "--attach"].some((word) => words.includes(word)) || words.join(" ") === "sleep 60"
    )
/** Waits until the release's container runs. */
const releasing = (server: ServerHost) =>
  until(
    () => names(server),
    (all) => all.includes("shop-web-release running")
  )

/** Counts the releases in the volume, and shows what the command has. `%` is the page that serves under the service's name. */
const migrate = [
  "echo run >>/data/runs",
  'echo "level $LEVEL, token ${#TOKEN}, file $(/bin/busybox wc -c </run/token), runs $(/bin/busybox wc -l </data/runs)"',
  "echo $TOKEN",
  'echo "serving $(/bin/busybox timeout 5 /bin/busybox wget -qO- http://web/ 2>/dev/null || echo nothing)" >&2'
].join("\n")

for (const name of ["h1", "h2"]) {
  const engine = name === "h1" ? "docker" : "podman"
  const only = ["deploy", "-H", name]

  test(`a release on ${engine} runs before the old container is replaced, with the environment, volumes and network of its service`, async () => {
    const server = hosts.server(name)
    const files = [{ secret: "TOKEN", target: "/run/token" }]
    const first = done(await write("one", migrate, "1m", files).jiji(only, options))
    expect(first.stdout).toContain(`level high, token ${token.length}, file ${token.length}, runs 1`)
    expect(first.stdout).toContain("serving nothing")
    expect(first.stdout).not.toContain(token)
    const second = done(await write("two", migrate).jiji(only, options))
    expect(second.stdout).toContain("runs 2")
    expect(second.stdout).toContain("serving one")
    expect(await page(hosts, server)).toBe("two")
    expect(await names(server)).toEqual(["shop-web running"])
    const third = done(await write("two", migrate).jiji(only, options))
    expect(third.stdout).not.toContain("runs")
    await nothingIsLeft()
  })

  test(`a failed release on ${engine} changes nothing, and its output is shown`, async () => {
    const server = hosts.server(name)
    const script = "/bin/busybox seq 1 30 >&2; echo 'no such table' >&2; exit 3"
    const failed = await write("three", script).jiji(only, options)
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain(`The release command of web on ${name} ended with exit code 3.`)
    expect(failed.stderr).toContain("No container of web was replaced. Its last lines:")
    expect(failed.stderr).toContain("no such table")
    expect(failed.stderr).toContain("30\n")
    expect(await page(hosts, server)).toBe("two")
    expect(await names(server)).toEqual(["shop-web running"])
    const none = await writeProject(hosts, {
      name: "shop",
      image: { page: "three" },
      config: { services: { web: { release: { command: ["/bin/nothing"] }, health: { running_for: "0s" } } } }
    }).jiji(only, options)
    expect(none.code).toBe(1)
    expect(none.stderr).toMatch(/The release command of web on h\d cannot start: .*\/bin\/nothing/)
    expect(await names(server)).toEqual(["shop-web running"])
    await nothingIsLeft()
  })

  test(`a release that hangs on ${engine} is stopped when its time is over`, async () => {
    const server = hosts.server(name)
    const failed = await write("four", "echo waiting; trap 'exit 0' TERM; sleep 600 & wait", "2s").jiji(only, options)
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain(`The release command of web on ${name} took longer than 2 s and was stopped.`)
    expect(failed.stderr).toContain("waiting")
    expect(await page(hosts, server)).toBe("two")
    expect(await names(server)).toEqual(["shop-web running"])
    await nothingIsLeft()
  })

  test.each<[NodeJS.Signals, number]>([
    ["SIGINT", 130],
    ["SIGKILL", 137]
  ])(`%s during a release on ${engine} ends it, and removes its container`, async (signal, code) => {
    const server = hosts.server(name)
    const run = write("five", "trap 'exit 0' TERM; sleep 600 & wait").start(only, options)
    await releasing(server)
    run.kill(signal)
    const ended = await run.done
    expect(ended.code).toBe(code)
    if (code === 130) expect(ended.stdout).toContain(`${name}: stopping the release command of web`)
    expect(
      await until(
        () => names(server),
        (all) => all.length === 1
      )
    ).toEqual(["shop-web running"])
    expect(await page(hosts, server)).toBe("two")
    await nothingIsLeft()
  })

  test(`a release on ${engine} removes what a killed one has left`, async () => {
    const server = hosts.server(name)
    const run = write("six", "trap 'exit 0' TERM; sleep 600 & wait").start(only, options)
    await releasing(server)
    // Nothing on the server can clean up after that.
    for (const { pid } of programsOf(server)) kill(pid)
    expect((await run.done).code).toBe(1)
    expect(await names(server)).toContain("shop-web-release running")
    const next = done(await write("seven", "echo migrated").jiji(only, options))
    expect(next.stdout).toContain("migrated")
    expect(next.stderr).toBe("")
    expect(await names(server)).toEqual(["shop-web running"])
    expect(await page(hosts, server)).toBe("seven")
    await nothingIsLeft()
  })
}

test("a release runs on the first server only, and the others wait for it", async () => {
  const good = done(
    await write("eight", "echo migrating >>/data/eight; /bin/busybox wc -l /data/eight").jiji(["deploy"], options)
  )
  expect(good.stdout.match(/1 \/data\/eight/g)).toHaveLength(1)
  expect(await Promise.all(hosts.servers.map((server) => page(hosts, server)))).toEqual(["eight", "eight"])
  const bad = await write("nine", "exit 1").jiji(["deploy"], options)
  expect(bad.code).toBe(1)
  expect(bad.stdout).toContain("not started because the release command of web failed on h1")
  expect(outcomes(bad)).toEqual(["web h1: failed", "web h2: not started"])
  expect(await Promise.all(hosts.servers.map((server) => page(hosts, server)))).toEqual(["eight", "eight"])
  await nothingIsLeft()
})
