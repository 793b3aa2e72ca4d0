import { describe, expect } from "bun:test"
import { Duration, Effect, Exit, Redacted } from "effect"
import { deploy } from "../../src/steps/DeployPipeline.ts"
import type { Event } from "../../src/core/Event.ts"
import type { Service } from "../../src/config/Project.ts"
import { label } from "../../src/layers/shell/Machine.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { configurationOf } from "../../src/steps/configuration.ts"
import { plannedReleases } from "../../src/steps/Releases.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { Files } from "../config/project.ts"
import { it } from "../support/effect.ts"
import { errors, fakeDigest } from "./deploys.ts"
import { failed, image, type Override, project, rehearse, server, service, succeeded } from "./rehearsal.ts"

const release = { command: ["bin/migrate", "--all"], timeout: Duration.minutes(5) }
const migrating = (name: string, hosts: ReadonlyArray<string>, overrides: Partial<Service> = {}) =>
  service(name, hosts, { release, ...overrides })
const servers = [server("web1"), server("web2")]
const both = ["web1", "web2"]
const shop = project({ servers, services: [migrating("web", both)] })

/** The scripts that change something, by server: `web1 release web`. */
const changes = (all: ReadonlyArray<string>) =>
  all.flatMap((line) => {
    const [, on, script, name] = /^(\S+): (release|replace) .*?service=(\S+)/.exec(line) ?? []
    return on === undefined ? [] : [`${on} ${script} ${name}`]
  })

const skips = (events: ReadonlyArray<Event>) =>
  events.flatMap((event) =>
    event._tag === "StepSkipped" && (event.kind === "item" || event.path.endsWith("/release"))
      ? [`${event.path.replace("deploy/servers", "")}: ${event.reason}`]
      : []
  )

const releaseFails: Override = (_, { script }) =>
  script === "release"
    ? {
        stdout: "migrating\nno such table\n",
        stderr: "jiji release running\njiji release ended with exit code 3\n",
        exitCode: 20
      }
    : undefined

const at =
  (name: string, script: string): Override =>
  (machine, command) =>
    label(machine) === name && command.script === script ? failed("it broke") : undefined

/** What a server answers on which these containers of `web` run. */
const finds =
  (byServer: Readonly<Record<string, Readonly<Record<string, string>>>>, names = "/shop-web"): Override =>
  (machine, { script }) => {
    const labels = byServer[label(machine)]
    if (script !== "probe" || labels === undefined) return undefined
    const container = {
      Id: "c0ffee",
      Name: names,
      Image: "sha256:i1",
      State: { Running: true },
      Config: { Labels: { "jiji.project": "shop", "jiji.service": "web", "jiji.version": "v0", ...labels } }
    }
    return succeeded(`docker 20.10 x86_64\n${JSON.stringify([container])}`)
  }
const now = {
  "jiji.digest": fakeDigest("localhost:9270/shop-web:abc1234"),
  "jiji.config": configurationOf(migrating("web", both), new Map()).hash
}
const before = { ...now, "jiji.digest": fakeDigest("before") }

describe("a release", () => {
  it.effect("runs once, on the first server, before any container of its service is replaced", () =>
    Effect.gen(function* () {
      const { all, exit } = yield* rehearse(shop, {
        answers: [Answer.when("jiji:release.sh", Answer.slow("1 minute"))]
      })
      expect(Exit.isSuccess(exit)).toBe(true)
      const [first, ...others] = changes(all)
      expect(first).toBe("web1 release web")
      expect(others.toSorted()).toEqual(["web1 replace web", "web2 replace web"])
      // Both servers have pulled by then.
      const lines = all.map((line) => line.split(" ").slice(0, 2).join(" "))
      expect(lines.lastIndexOf("web2: pull")).toBeLessThan(lines.indexOf("web1: replace"))
    })
  )

  it.effect(
    "runs the command in the service's image, with its environment, secrets, volumes and network, without ports",
    () =>
      Effect.gen(function* () {
        const web = migrating("web", ["web1"], {
          ports: ["80:80"],
          volumes: ["shop_data:/data"],
          environment: { clear: { LOG: "info" }, secrets: ["TOKEN"] },
          command: ["bin/serve"]
        })
        const of = project({
          services: [web, service("other", ["web1"], { environment: { clear: {}, secrets: ["KEY"] } })]
        })
        const { entries, on } = yield* rehearse(of, { env: { TOKEN: "t0ken", KEY: "k3y" } })
        const line = on("web1").find((each) => each.startsWith("release"))
        expect(line).toStartWith(
          "release engine=docker name=shop-web-release project=shop service=web limit=300 run=yes -- --network jiji-shop --pull never"
        )
        expect(line).toEndWith(
          "--volume shop_data:/data --env LOG=info --env TOKEN localhost:9270/shop-web:abc1234 bin/migrate --all"
        )
        expect(line).not.toMatch(/--publish|--ip|--network-alias|t0ken/)
        const command = entries
          .flatMap((entry) => (entry._tag === "Command" ? [entry.command] : []))
          .find(({ script }) => script === "release")
        const env = command?.env ?? {}
        expect(Object.keys(env)).toEqual(["JIJI_NAMES", "JIJI_SECRET_0"])
        expect(String(Redacted.value(env["JIJI_SECRET_0"] as Redacted.Redacted<string>))).toBe("t0ken")
      })
  )

  it.effect("that fails leaves all containers of its service alone, and other services are replaced", () =>
    Effect.gen(function* () {
      const of = project({ servers, services: [migrating("web", both), service("api", both)] })
      const { all, events, exit } = yield* rehearse(of, { override: releaseFails })
      expect(errors(exit)).toMatchObject([
        {
          _tag: "ReleaseFailed",
          exitCode: 1,
          server: "web1",
          service: "web",
          reason: "ended with exit code 3",
          log: "migrating\nno such table"
        }
      ])
      expect(changes(all).toSorted()).toEqual(["web1 release web", "web1 replace api", "web2 replace api"])
      expect(skips(events)).toEqual([
        "[web2]/services[web]: not started because the release command of web failed on web1"
      ])
      const output = events.flatMap((event) =>
        event._tag === "StepOutput" && event.path.endsWith("/release") ? [event.line] : []
      )
      expect(output).toEqual(["migrating", "no such table"])
    })
  )

  it.effect("stops a rolling deploy if it fails", () =>
    Effect.gen(function* () {
      const of = { ...shop, rollout: { strategy: "rolling" } as const }
      const { all, events } = yield* rehearse(of, { override: releaseFails })
      expect(changes(all)).toEqual(["web1 release web"])
      expect(skips(events)).toEqual(["[web2]: not started because web1 failed"])
      const good = yield* rehearse(of)
      expect(changes(good.all)).toEqual(["web1 release web", "web1 replace web", "web2 replace web"])
    })
  )

  for (const [what, override] of [
    ["its image cannot be pulled", at("web1", "pull")],
    ["the tunnel of its server fails", undefined]
  ] as const)
    it.effect(`does not keep other servers waiting if ${what}`, () =>
      Effect.gen(function* () {
        const answers = override === undefined ? [Answer.tunnelRefused("web1")] : []
        const { all, events, exit } = yield* rehearse(shop, { answers, ...(override && { override }) })
        expect(errors(exit)).toHaveLength(1)
        expect(changes(all)).toEqual([])
        expect(skips(events)).toEqual([
          "[web2]/services[web]: not started because the release command of web did not run on web1"
        ])
      })
    )

  it.effect("does not keep other servers waiting if a step of one's own fails before it", () =>
    Effect.gen(function* () {
      const check = Step.make("check", ({ server: { name } }: { readonly server: { readonly name: string } }) =>
        name === "web1" ? Effect.die(new Error("too old")) : Effect.void
      )
      const mine = yield* Effect.fromResult(deploy.pipe(Pipeline.insertBefore("deploy/servers/plan", check)))
      const { events } = yield* Rehearsal.run(mine, { project: shop }, { layers: Files })
      expect(skips(events)).toEqual([
        "[web2]/services[web]: not started because the release command of web did not run on web1"
      ])
    })
  )

  it.effect("does not run if its service is up to date everywhere", () =>
    Effect.gen(function* () {
      const { all, events, exit } = yield* rehearse(shop, { override: finds({ web1: now, web2: now }) })
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(changes(all)).toEqual([])
      expect(skips(events)).toEqual(["[web1]/services[web]/release: already up to date"])
    })
  )

  it.effect("does not run if a server has the image with this configuration already", () =>
    Effect.gen(function* () {
      // The first one, or another one.
      const first = yield* rehearse(shop, { override: finds({ web1: now, web2: before }) })
      expect(changes(first.all)).toEqual(["web2 replace web"])
      const second = yield* rehearse(shop, { override: finds({ web1: before, web2: now }) })
      expect(changes(second.all)).toEqual(["web1 replace web"])
      expect(skips(second.events)).toEqual([
        "[web1]/services[web]/release: it has run for this image and configuration"
      ])
    })
  )

  it.effect("does not run if the pulled image turns out to be the one that runs", () =>
    Effect.gen(function* () {
      const web = migrating("web", ["web1"], { source: image("nginx:1.27") })
      const of = project({ services: [web] })
      const config = configurationOf(web, new Map()).hash
      const pulledDigest = `sha256:${"d".repeat(64)}`
      const found = finds({ web1: { "jiji.digest": pulledDigest, "jiji.config": config } })
      const override: Override = (machine, command) =>
        command.script === "pull"
          ? succeeded(`[{"Id":"sha256:i1","Architecture":"amd64","Size":1,"RepoDigests":["nginx@${pulledDigest}"]}]`)
          : found(machine, command)
      const { all } = yield* rehearse(of, { override })
      expect(changes(all)).toEqual(["web1 replace web"])
    })
  )

  it.effect("runs again if the configuration has changed", () =>
    Effect.gen(function* () {
      const { all } = yield* rehearse(shop, {
        override: finds({ web1: now, web2: { ...now, "jiji.config": "other" } })
      })
      expect(changes(all)).toEqual(["web2 replace web"])
      const changed = { ...now, "jiji.config": "other" }
      const again = yield* rehearse(shop, { override: finds({ web1: changed, web2: changed }) })
      expect(changes(again.all)).toContain("web1 release web")
    })
  )

  it.effect("runs on the first selected server", () =>
    Effect.gen(function* () {
      const { all } = yield* rehearse({ ...shop, servers: [server("web2")], services: [migrating("web", ["web2"])] })
      expect(changes(all)).toEqual(["web2 release web", "web2 replace web"])
    })
  )

  it.effect("runs after the services that its service depends on", () =>
    Effect.gen(function* () {
      const db = service("db", ["web1"], { source: image("postgres:17") })
      const of = project({ servers, services: [migrating("web", both, { dependsOn: ["db"] }), db] })
      const { all } = yield* rehearse(of)
      const [first, second, ...others] = changes(all)
      expect([first, second]).toEqual(["web1 replace db", "web1 release web"])
      expect(others.toSorted()).toEqual(["web1 replace web", "web2 replace web"])
      const broken = yield* rehearse(of, { override: at("web1", "replace") })
      expect(changes(broken.all)).toEqual(["web1 replace db"])
      expect(skips(broken.events)).toEqual([
        "[web1]/services[web]: not started because db failed",
        "[web2]/services[web]: not started because the release command of web did not run on web1"
      ])
    })
  )

  it.effect("is interrupted with the run", () =>
    Effect.gen(function* () {
      const script = {
        layers: Files,
        answers: [Answer.when("jiji:release.sh", Answer.hangs)],
        interrupt: "1 minute"
      } as const
      const { entries, events } = yield* Rehearsal.run(deploy, { project: shop }, script)
      expect(events.at(-1)?._tag).toBe("RunInterrupted")
      expect(entries.some((entry) => entry._tag === "Command" && entry.command.script === "replace")).toBe(false)
    })
  )

  it.effect("that was interrupted earlier is removed, also if there is nothing to run now", () =>
    Effect.gen(function* () {
      const left: Override = (machine, command) => {
        const found = finds({ web1: now, web2: now })(machine, command)
        const more = finds({ web2: {} }, "/shop-web-release")(machine, command)
        if (found === undefined || more === undefined) return found
        const [head, one = "[]"] = found.stdout.split("\n")
        const two = more.stdout.split("\n")[1] ?? "[]"
        // The JSON of this test itself.
        return succeeded(
          `${head}\n${JSON.stringify([...(JSON.parse(one) as Array<unknown>), ...(JSON.parse(two) as Array<unknown>)])}`
        )
      }
      const { on, events } = yield* rehearse(shop, { override: left, isFullDeploy: true })
      expect(on("web2").filter((line) => line.startsWith("release"))).toEqual([
        "release engine=docker name=shop-web-release project=shop service=web limit=0"
      ])
      expect(events.filter((event) => event._tag === "StepNoted" && event.level === "warning")).toEqual([])
      expect(skips(events)).toContain("[web2]/services[web]/release: it runs on another server")
    })
  )
})

describe("services with the same image and release command", () => {
  const source = service("any", []).source
  const plans = (...services: ReadonlyArray<Service>) =>
    plannedReleases(project({ servers, services })).map(
      ({ server, service, services }) => `${service} on ${server}: ${services}`
    )

  it.effect("share one release", () =>
    Effect.gen(function* () {
      const shared = [migrating("web", both, { source }), migrating("worker", both, { source })]
      const { all } = yield* rehearse(project({ servers, services: shared }))
      const [first, ...others] = changes(all)
      expect(first).toBe("web1 release web")
      expect(others).toHaveLength(4)
      expect(others.every((line) => line.includes("replace"))).toBe(true)
      const broken = yield* rehearse(project({ servers, services: shared }), { override: releaseFails })
      expect(changes(broken.all)).toEqual(["web1 release web"])
    })
  )

  it.effect("run it on the first server of any of them, in the order of the servers", () =>
    Effect.sync(() => {
      expect(plans(migrating("web", ["web2"], { source }), migrating("worker", ["web2", "web1"], { source }))).toEqual([
        "worker on web1: web,worker"
      ])
      const other = { release: { ...release, command: ["bin/other"] }, source }
      expect(plans(migrating("web", both, { source }), migrating("worker", both, other))).toEqual([
        "web on web1: web",
        "worker on web1: worker"
      ])
      expect(plans(migrating("web", both), migrating("worker", both))).toEqual([
        "web on web1: web",
        "worker on web1: worker"
      ])
    })
  )

  it.effect("run it in the one that depends on none of the others, which would wait for the release", () =>
    Effect.gen(function* () {
      const web = migrating("web", ["web1"], { source, dependsOn: ["worker"] })
      const of = project({ services: [web, migrating("worker", ["web1"], { source })] })
      const { all, exit } = yield* rehearse(of)
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(changes(all)).toEqual(["web1 release worker", "web1 replace worker", "web1 replace web"])
    })
  )
})
