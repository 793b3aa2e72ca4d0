import { beforeAll, describe, expect, test } from "bun:test"
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parse, stringify } from "yaml"
import type { Event } from "../../src/core/Event.ts"
import { faults } from "../docs/eventLines.ts"
import type { Result } from "./Command.ts"
import type { Host } from "./Host.ts"
import { writeContext } from "./Image.ts"
import { quietTraces, containersOf, done, outcomes, page, type Traces, untilQuiet } from "./observe.ts"
import { withHosts } from "./withHosts.ts"

const main = join(import.meta.dir, "../../src/main.ts")
const examples = join(import.meta.dir, "../../examples")

let quiet: Traces
let shop: Example
let mono: Example

const hosts = withHosts({ web1: "docker", web2: "docker", web3: "podman", mono: "docker" })
beforeAll(async () => {
  quiet = await quietTraces(hosts)
  shop = copy("canary", hosts.servers.slice(0, 3), (web) => ({ ...web, image: undefined, build: { context: "." } }))
  writePage("one")
  mono = copy("monorepo", hosts.servers.slice(3))
  await standIns()
})

/** A copy of an example on the operator, and jiji in it. */
interface Example {
  readonly root: string
  readonly start: (args: ReadonlyArray<string>) => ReturnType<Host["start"]>
  readonly jiji: (args: ReadonlyArray<string>) => Promise<Result>
  /** The jiji commands in its README, in order. */
  readonly readme: ReadonlyArray<ReadonlyArray<string>>
}

type Service = Readonly<Record<string, unknown>>

/** Copies an example and replaces its servers, in order, with the ones here. */
const copy = (name: string, servers: ReadonlyArray<Host>, web: (service: Service) => Service = (same) => same) => {
  const root = join(hosts.folder, name)
  cpSync(join(examples, name), root, { recursive: true })
  const file = join(root, ".jiji/deploy.yml")
  const config = parse(readFileSync(file, "utf8"))
  const names = Object.keys(config.servers)
  expect(names).toHaveLength(servers.length)
  config.servers = Object.fromEntries(names.map((name, index) => [name, { host: servers[index]?.ip }]))
  config.ssh = { user: "root", keys: [hosts.key], known_hosts: join(root, "known_hosts"), connect_timeout: "60s" }
  config.services.web = web(config.services.web)
  writeFileSync(file, stringify(config))
  const commands = readFileSync(join(root, "README.md"), "utf8").match(/^jiji .*$/gm) ?? []
  const start: Example["start"] = (args) => hosts.operator.start([process.execPath, main, ...args], { cwd: root })
  return {
    root,
    start,
    jiji: (args) => start(args).done,
    readme: commands.map((line) => line.replace(/ +#.*/, "").split(" ").slice(1))
  } satisfies Example
}

/** Changes the page that the shop serves at `/`, and whether it serves `/health`. */
const writePage = (text: string, isWell = true) => {
  cpSync(join(examples, "hello"), shop.root, { recursive: true, filter: (path) => !path.includes(".jiji") })
  cpSync("/bin/busybox", join(shop.root, "busybox"))
  writeFileSync(join(shop.root, "www/index.html"), text)
  if (isWell) writeFileSync(join(shop.root, "www/health"), "well")
  else rmSync(join(shop.root, "www/health"), { force: true })
}

/** Builds minimal images in place of the monorepo's base images, which cannot be pulled here. */
const standIns = async () => {
  const folder = join(hosts.folder, "stand-ins")
  writeContext(folder, { page: "" })
  mkdirSync(join(folder, "bin"))
  writeFileSync(join(folder, "bin/apt-get"), '#!/bin/sh\necho "apt-get $*" >>/installed\n')
  chmodSync(join(folder, "bin/apt-get"), 0o755)
  const debian = ["FROM scratch", "COPY busybox /bin/sh", "COPY bin/apt-get /bin/apt-get"]
  const serve = "trap 'exit 0' TERM; httpd -f -p 80 -h /usr/share/nginx/html & wait"
  const nginx = ["FROM scratch", "COPY busybox /bin/sh", `CMD ${JSON.stringify(["/bin/sh", "-c", serve])}`]
  for (const [name, lines] of [
    ["debian:bookworm-slim", debian],
    ["nginx:1.27", nginx]
  ] as const) {
    writeFileSync(join(folder, "Dockerfile"), `${lines.join("\n")}\n`)
    await hosts.operator.run([hosts.operator.engine, "build", "--tag", name, folder])
  }
}

/** The events of a run, checked against the published schema. */
const events = (stdout: string): ReadonlyArray<Event> => {
  expect(faults(stdout)).toEqual([])
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
}

/** The last run of this machine, from the run history. */
const recorded = async () => events(done(await shop.jiji(["runs", "show", "--json"])).stdout)

/** The event of a tag at a path. */
const find = (all: ReadonlyArray<Event>, tag: Event["_tag"], path: string): Event => {
  const found = all.find((event) => event._tag === tag && event.path === path)
  if (found === undefined) throw new Error(`no ${tag} of ${path} among\n${JSON.stringify(all, null, 1)}`)
  return found
}

/** What the run history keeps of a run: everything except progress. */
const kept = (all: ReadonlyArray<Event>) => all.filter(({ _tag }) => _tag !== "StepProgress")

const nothingIsLeft = () => untilQuiet(hosts, quiet)

describe("examples/canary", () => {
  const canary = "canary/waves[web1]"
  const rest = "canary/waves[web2+web3]"
  const pages = () => Promise.all(hosts.servers.slice(0, 3).map((server) => page(hosts, server)))
  const others = () => Promise.all(hosts.servers.slice(1, 3).map((server) => containersOf(server, "shop")))

  test("works as its README says: the canary answers before the other servers are touched", async () => {
    expect(shop.readme.map((words) => words.join(" "))).toEqual([
      "run canary --help",
      "run canary --path /health --dry-run",
      "run canary --path /health"
    ])
    const [help, rehearsal, real] = shop.readme
    const [flags, rehearsed] = await Promise.all([help, rehearsal].map((args = []) => shop.jiji(args)))
    expect(flags).toMatchObject({ code: 0, stdout: expect.stringContaining("--path") })
    expect(rehearsed).toMatchObject({ code: 0, stdout: expect.stringContaining("http://127.0.0.1:8080/health") })
    expect(await pages()).toEqual(Array.from({ length: 3 }, () => expect.stringContaining("no page")))
    const run = done(await shop.jiji(real ?? []))
    expect(run.stderr).toBe("")
    expect(await pages()).toEqual(["one", "one", "one"])
    expect(outcomes(run)).toEqual(["web web1: started", "web web2: started", "web web3: started"])
    const all = await recorded()
    const asked = find(all, "StepSucceeded", `${canary}/smoke`)
    const begun = all.find(({ path }) => path.startsWith(rest))
    expect(begun?.seq).toBeGreaterThan(asked.seq)
    expect(find(all, "StepSucceeded", `${rest}/smoke`).seq).toBe(
      Math.max(
        ...all.flatMap(({ seq, path, _tag }) => (_tag === "StepSucceeded" && path.endsWith("/smoke") ? [seq] : []))
      )
    )
    await nothingIsLeft()
  })

  test("leaves the other servers alone when the canary does not answer", async () => {
    const before = await others()
    writePage("two", false)
    const run = await shop.jiji(["run", "canary", "--path", "/health", "--json"])
    const sentence = "web1 does not answer http://127.0.0.1:8080/health as it should: curl: (22)"
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining(`error: ${sentence}`)])
    const all = events(run.stdout)
    expect(kept(await recorded())).toEqual(kept(all))
    const failures = [expect.objectContaining({ tag: "SmokeTestFailed", message: expect.stringContaining("404") })]
    expect(all.at(-1)).toMatchObject({ _tag: "RunFailed", failures })
    expect(find(all, "StepFailed", `${canary}/smoke`)).toMatchObject({ failures })
    expect(find(all, "StepSkipped", rest)).toMatchObject({ reason: "not started because web1 failed" })
    expect(all.filter(({ path }) => path.startsWith(`${rest}/`))).toEqual([])
    expect(await pages()).toEqual(["two", "one", "one"])
    expect(await others()).toEqual(before)
    const shown = done(await shop.jiji(["runs", "show"])).stdout
    expect(shown).toStartWith("✗ canary of shop failed after")
    expect(shown).toMatch(/✗ smoke .*\n +web1 does not answer /)
    expect(shown).toContain("→ Look at the container's log there")
    expect(shown).toMatch(/- web2\+web3 +not started because web1 failed/)
    await nothingIsLeft()
  })

  test("Ctrl-C after the canary leaves the other servers unchanged, and nothing behind", async () => {
    const before = await others()
    writePage("three")
    // The run waits for web3, so it gets no further with the others.
    await hosts.server("web3").unplug()
    const run = shop.start(["run", "canary", "--path", "/health", "--json"])
    await run.waitFor(/"StepSucceeded"[^\n]*servers\[web2\]\/connect"/)
    run.killGroup("SIGINT")
    const { code, stderr, stdout } = await run.done
    await hosts.server("web3").plug()
    expect([code, stderr]).toEqual([130, "interrupted: stopping\ninterrupted\n"])
    const all = events(stdout)
    expect(kept(await recorded())).toEqual(kept(all))
    expect(all.at(-1)?._tag).toBe("RunInterrupted")
    expect(find(all, "StepSucceeded", `${canary}/smoke`).seq).toBeLessThan(find(all, "StepInterrupted", rest).seq)
    const resources = (tag: Event["_tag"]) => all.filter(({ _tag }) => _tag === tag).length
    expect(resources("ResourceReleased")).toBe(resources("ResourceAcquired"))
    await nothingIsLeft()
    expect(await pages()).toEqual(["three", "one", "one"])
    expect(await others()).toEqual(before)
    expect(done(await shop.jiji(["runs", "show"])).stdout).toStartWith("! canary of shop interrupted after")
  })

  test("running the same command again updates the other servers", async () => {
    const run = done(await shop.jiji(["run", "canary", "--path", "/health"]))
    expect(outcomes(run)).toEqual(["web web1: unchanged", "web web2: replaced", "web web3: replaced"])
    expect(await pages()).toEqual(["three", "three", "three"])
    await nothingIsLeft()
  })
})

describe("examples/monorepo", () => {
  const images = "deploy/images"
  const build = { api: `${images}/backend/on-base/services[api]/build`, web: `${images}/frontend/services[web]/build` }

  test("works as its README says: builds all services in parallel, except those that need the base image first", async () => {
    expect(mono.readme.map((words) => words.join(" "))).toEqual([
      "list monorepo",
      "run monorepo --dry-run",
      "run monorepo",
      "run monorepo -S web"
    ])
    const [list, rehearsal, real, part] = mono.readme
    const [picture, rehearsed] = await Promise.all([list, rehearsal].map((args = []) => mono.jiji(args)))
    expect(picture).toMatchObject({ code: 0, stdout: expect.stringContaining("flowchart TD") })
    expect(rehearsed).toMatchObject({ code: 0, stdout: expect.stringContaining("docker build --tag mono-base") })
    const run = done(await mono.jiji(real ?? []))
    expect(run.stderr).toBe("")
    expect(outcomes(run)).toEqual(["api web1: started", "web web1: started", "worker web1: started"])
    expect(await page(hosts, hosts.server("mono"))).toBe("<h1>mono</h1>\n")
    const all = await recorded()
    const base = find(all, "StepSucceeded", `${images}/backend/base`)
    for (const service of ["api", "worker"]) {
      const begun = find(all, "StepStarted", build.api.replace("api", service))
      expect(begun.seq).toBeGreaterThan(base.seq)
      expect(begun.time).toBeGreaterThanOrEqual(base.time)
    }
    const web = find(all, "StepStarted", build.web)
    expect(web.seq).toBeLessThan(base.seq)
    expect(web.time).toBeLessThanOrEqual(base.time)
    const running = await containersOf(hosts.server("mono"), "mono")
    expect(running.map(({ name, state }) => `${name} ${state}`)).toEqual(
      ["api", "web", "worker"].map((name) => `mono-${name} running`)
    )

    expect(outcomes(done(await mono.jiji(part ?? [])))).toEqual(["web web1: unchanged"])
    expect(find(await recorded(), "StepSkipped", `${images}/backend/base`)).toMatchObject({
      reason: "no service needs it"
    })
    await nothingIsLeft()
  })

  test("deploys nothing when the base image fails to build", async () => {
    const before = await containersOf(hosts.server("mono"), "mono")
    writeFileSync(join(mono.root, "base/Dockerfile"), "FROM debian:bookworm-slim\nRUN exit 7\n")
    writeFileSync(join(mono.root, "web/index.html"), "<h1>never</h1>\n")
    const run = await mono.jiji(["run", "monorepo"])
    expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(/error: The base image was not built: .*7/)])
    expect(await containersOf(hosts.server("mono"), "mono")).toEqual(before)
    expect(await page(hosts, hosts.server("mono"))).toBe("<h1>mono</h1>\n")
    await nothingIsLeft()
  })
})
