import { beforeAll, expect, test } from "bun:test"
import { containersOf, done, outcomes, page, quietTraces, type Traces, untilQuiet } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"
import { until } from "../support/waiting.ts"

let quiet: Traces

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(async () => {
  quiet = await quietTraces(hosts)
})

const shell = (script: string) => ["/bin/busybox", "sh", "-c", script]
const serve = "trap 'exit 0' TERM; /bin/busybox httpd -f -p 80 -h /www & wait"

/** `web` ends at once if it cannot reach `db` when it starts. */
const write = (
  version: string,
  db: string,
  more: { readonly web?: string; readonly deploy?: Record<string, unknown> } = {}
): TestProject =>
  writeProject(hosts, {
    name: "shop",
    image: { page: version },
    config: {
      ...(more.deploy !== undefined && { deploy: more.deploy }),
      services: {
        web: {
          command: shell(
            more.web ?? `/bin/busybox timeout 5 /bin/busybox wget -qO /www/db http://db/ || exit 1; ${serve}`
          ),
          depends_on: ["db"],
          // Its port would be tried without the network's names.
          ports: ["80"],
          health: { running_for: "1s" }
        },
        db: {
          build: { context: "./web" },
          hosts: ["h1", "h2"],
          ports: ["8080:80"],
          command: shell(db),
          health: { running_for: "0s", timeout: "20s" }
        }
      }
    }
  })

const ids = async () =>
  Object.fromEntries(
    (
      await Promise.all(hosts.servers.map(async (server) => [server.name, await containersOf(server, "shop")] as const))
    ).map(([server, all]) => [server, all.map(({ id, name }) => `${name} ${id}`)])
  )
const pages = () => Promise.all(hosts.servers.map((server) => page(hosts, server)))

test("a service starts when the one that it depends on is healthy, on docker and on podman", async () => {
  const run = done(await write("one", `sleep 2; ${serve}`).jiji(["deploy"]))
  expect(outcomes(run)).toEqual(["db h1: started", "db h2: started", "web h1: started", "web h2: started"])
  expect(await pages()).toEqual(["one", "one"])
  await untilQuiet(hosts, quiet)
})

test("a service is not touched if the one that it depends on fails", async () => {
  const before = await ids()
  const run = await write("two", "exit 1").jiji(["deploy"])
  expect(run.code).toBe(1)
  expect(outcomes(run)).toEqual(["db h1: failed", "db h2: failed", "web h1: not started", "web h2: not started"])
  expect(run.stdout).toContain("not started because db failed")
  expect(await ids()).toEqual(before)
  // The old db runs again, but answers only after its two seconds.
  await until(pages, (all) => all.every((text) => text === "one"))
  // Alone, it does not wait.
  done(await write("two", "exit 1").jiji(["deploy", "-S", "web"]))
  await untilQuiet(hosts, quiet)
})

test("a rolling deploy goes from server to server, and stops after a failure", async () => {
  const rolling = { strategy: "rolling" }
  done(await write("three", serve, { deploy: rolling }).jiji(["deploy"]))
  expect(await pages()).toEqual(["three", "three"])
  const before = await ids()
  const broken = await write("four", serve, { deploy: rolling, web: "exit 1" }).jiji(["deploy"])
  expect(broken.code).toBe(1)
  expect(outcomes(broken)).toEqual(["- h2: not started", "db h1: replaced", "web h1: failed"])
  expect(broken.stdout).toContain("not started because h1 failed")
  // What has happened stays.
  expect(await pages()).toEqual(["four", "three"])
  expect((await ids())["h2"]).toEqual(before["h2"] ?? [])
  await untilQuiet(hosts, quiet)
})
