import { beforeAll, expect, test } from "bun:test"
import { containersOf, done, outcomes } from "./observe.ts"
import { proxyImage, writeProxied } from "./proxied.ts"
import { buildProxyImage } from "./ProxyImage.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })
beforeAll(() => buildProxyImage(hosts.operator, { name: proxyImage }))

/** `web` behind the proxy, and perhaps `worker`, which has a release command. */
const write = (version: string, options: { readonly mark?: string; readonly worker?: boolean } = {}) =>
  writeProxied(
    hosts,
    version,
    { environment: { clear: { MARK: options.mark ?? "a" } } },
    options.worker === false
      ? {}
      : {
          worker: {
            build: { context: "./web" },
            hosts: ["h1", "h2"],
            volumes: ["jobs:/data"],
            health: { running_for: "0s" },
            release: { command: ["/bin/busybox", "true"] }
          }
        }
  )

const names = () =>
  Promise.all(
    hosts.servers.map(async (server) => (await containersOf(server, "shop")).map(({ name }) => name).join(" "))
  )

test("a plan says what a deploy would do on new servers, and changes nothing", async () => {
  const { code, stderr, stdout } = await write("v1").jiji(["plan", "--version", "one"])
  expect(stderr).toBe("")
  expect(code).toBe(3)
  expect(stdout).toStartWith("Plan for shop, version one:\n")
  for (const server of ["h1", "h2"]) {
    const lines = stdout.split("\n\n").find((part) => part.startsWith(`${server}\n`))
    expect(lines).toContain("\n  start   web: image: would be built\n  start   worker: image: would be built\n")
    expect(lines).toContain("\n  proxy   start the proxy\n  proxy   serve web (shop.test)")
  }
  expect(stdout.match(/ run +\/bin\/busybox true \(release of worker\)/g)).toHaveLength(1)
  expect(await names()).toEqual(["", ""])
})

test("after the deploy there is nothing to do, and then there is what has changed", async () => {
  const first = done(await write("v1").jiji(["deploy", "--version", "one", "--confirm", "--yes"]))
  expect(first.stdout).toMatch(/^Plan for shop, version one:\n\nh1\n/)
  expect(first.stdout).toMatch(/\n\n +0\.0s {2}deploy, run /)
  expect(outcomes(first)).toContain("web h1: started")
  const same = done(await write("v1").jiji(["plan", "--version", "one"]))
  expect(same.stdout).toBe(
    "Plan for shop, version one:\n\nh1\n  keep    web, worker\n\nh2\n  keep    web, worker\n\nNothing to do.\n"
  )
  const changed = await write("v1", { mark: "b" }).jiji(["plan", "--version", "two", "-S", "web", "--json"])
  expect(changed.code).toBe(3)
  const [server] = JSON.parse(changed.stdout).servers
  expect(server.containers).toEqual([
    {
      service: "web",
      replica: 1,
      action: "replace",
      because: ["image: two would be built", "environment: MARK"],
      builds: true
    }
  ])
  // The deploy gives the same reason, before it acts.
  const second = done(await write("v1", { mark: "b" }).jiji(["deploy", "--version", "one"]))
  expect(second.stdout).toMatch(/h2 plan: replace web: environment: MARK, keep worker/)
})

test("--confirm does nothing in a pipe without --yes", async () => {
  const run = await write("v2").jiji(["deploy", "--confirm"])
  expect(run.code).toBe(2)
  expect(run.stdout).toBe("")
  expect(run.stderr).toContain("jiji cannot ask for confirmation here, so it deploys nothing.")
  const nothing = done(await write("v1", { mark: "b" }).jiji(["deploy", "--version", "one", "--confirm", "--yes"]))
  expect(nothing.stdout).toEndWith("Nothing to do.\n\n")
})

test("services that deploy.yml no longer has are removed if they are to be, without their data", async () => {
  const project = write("v1", { mark: "b", worker: false })
  const plan = done(await project.jiji(["plan", "--version", "one"]))
  expect(plan.stdout).toContain("orphan  shop-worker is running but is not in deploy.yml for this server\n")
  expect(plan.stdout).toContain("`jiji deploy --remove-orphans` removes services that deploy.yml does not have.")
  const limited = await project.jiji(["deploy", "--remove-orphans", "-S", "web"])
  expect(limited.code).toBe(2)
  expect(limited.stderr).toContain("--remove-orphans and --services cannot be used together.")
  const kept = done(await project.jiji(["deploy", "--version", "one"]))
  expect(kept.stdout).toContain("To remove it: jiji remove worker -H h1, or jiji deploy --remove-orphans")
  expect(await names()).toEqual(["shop-web shop-worker", "shop-web shop-worker"])
  const removed = done(await project.jiji(["deploy", "--version", "one", "--remove-orphans"]))
  expect(removed.stdout).toContain("removed shop-worker")
  expect(removed.stdout).not.toContain("is not in deploy.yml")
  expect(await names()).toEqual(["shop-web", "shop-web"])
  for (const server of hosts.servers) {
    expect(await server.run([server.engine, "volume", "ls", "--quiet"])).toContain("shop_jobs")
  }
})
