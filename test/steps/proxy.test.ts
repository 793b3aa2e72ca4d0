import { describe, expect } from "bun:test"
import { Duration, Effect, Layer, Option, Redacted } from "effect"
import type { Project, ServiceProxy } from "../../src/config/Project.ts"
import { caddyJson } from "../../src/layers/proxy/caddyConfig.ts"
import { ServerProxy } from "../../src/layers/proxy/ServerProxy.ts"
import type { ProjectSites } from "../../src/layers/proxy/sites.ts"
import { Shell } from "../../src/layers/shell/Shell.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { Events } from "../../src/core/Events.ts"
import { warnAboutNames } from "../../src/steps/hostNames.ts"
import { projectSites, site } from "../layers/proxy/sites.ts"
import { it } from "../support/effect.ts"
import { errors } from "./deploys.ts"
import { image, type Override, project, rehearse, server, service, succeeded } from "./rehearsal.ts"

const proxy = (more: Partial<ServiceProxy> = {}): ServiceProxy => ({
  hosts: ["shop.test"],
  port: 3000,
  path: "/",
  strip: false,
  tls: { _tag: "Auto" },
  responseTimeout: Duration.seconds(60),
  ...more
})

const shop = (more: Partial<ServiceProxy> = {}, top: Partial<Project> = {}) =>
  project({
    services: [service("web", ["web1"], { source: image("nginx:1.27"), proxy: proxy(more) })],
    ...top
  })

/** A server whose proxy serves these sites. */
const serving =
  (sites: ReadonlyArray<ProjectSites>, state = "running", up: ReadonlyArray<string> = []): Override =>
  (_machine, { script }) =>
    script === "proxy-read"
      ? succeeded(
          [
            `proxy caddy:2.11.4 - ${state}`,
            "hash 0a1b",
            ...sites.map((each) => `sites ${each.project} ${JSON.stringify(each)}`),
            ...up.map((line) => `up ${line}`),
            ""
          ].join("\n")
        )
      : undefined

const proxyLines = (lines: ReadonlyArray<string>) =>
  lines.filter((line) => line.startsWith("proxy-")).map((line) => line.split(" ").slice(0, 3).join(" "))

describe("a deploy of a service behind the proxy", () => {
  it.effect("starts the proxy and checks its configuration before the service, and routes after it", () =>
    Effect.gen(function* () {
      const { events, on } = yield* rehearse(shop())
      const lines = on("web1").filter(
        (line) => !line.startsWith("probe") && line !== "connect" && !line.startsWith("kept")
      )
      expect(lines.map((line) => line.split(" ")[0])).toEqual([
        "proxy-read",
        "network",
        "pull",
        "proxy-ensure",
        "proxy-read",
        "proxy-apply",
        "pull",
        "replace",
        "proxy-apply"
      ])
      expect(lines[3]).toContain("reference=caddy:2.11.4 label=caddy:2.11.4 pulled=- ports=80 443")
      expect(lines[5]).toContain("mode=check")
      expect(lines[8]).toContain("mode=apply")
      const ended = events.filter(({ _tag }) => _tag === "StepSucceeded").map(({ path }) => path)
      expect(ended).toContain("deploy/servers[web1]/route")
    })
  )

  it.effect("leaves a proxy alone that already has its sites", () =>
    Effect.gen(function* () {
      const sites = projectSites("shop", [site("web", ["shop.test"])])
      const { on } = yield* rehearse(shop(), { override: serving([sites]) })
      expect(proxyLines(on("web1")).map((line) => line.split(" ")[0])).toEqual(["proxy-read"])
    })
  )

  it.effect("keeps the sites of services that were not selected, and drops those that are gone in a full deploy", () =>
    Effect.gen(function* () {
      const old = projectSites("shop", [site("gone", ["gone.test"]), site("web", ["old.test"])])
      for (const isFullDeploy of [false, true]) {
        const { entries } = yield* rehearse(shop(), { override: serving([old]), isFullDeploy })
        const applied = entries.flatMap((entry) =>
          entry._tag === "Command" && entry.command.script === "proxy-apply" ? [entry.command.stdin] : []
        )
        const written = [...(isFullDeploy ? [] : [site("gone", ["gone.test"])]), site("web", ["shop.test"])] as const
        const [first, ...others] = written
        expect(applied).toHaveLength(2)
        const stdin = applied[1]
        const value = Redacted.isRedacted(stdin) ? Redacted.value(stdin) : stdin
        expect(value).toContain(caddyJson([projectSites("shop", [first, ...others])]))
      }
    })
  )

  it.effect("fails before anything changes if another project has the host", () =>
    Effect.gen(function* () {
      const blog = projectSites("blog", [site("web", ["shop.test"])])
      const { exit, on } = yield* rehearse(shop(), { override: serving([blog]) })
      expect(errors(exit).map(String)).toEqual([
        expect.stringContaining("shop.test on web1 already belongs to web of the project blog.")
      ])
      expect(proxyLines(on("web1")).map((line) => line.split(" ")[0])).toEqual(["proxy-read"])
    })
  )

  it.effect("fails if the file of another project is not as jiji writes it", () =>
    Effect.gen(function* () {
      const override: Override = (_machine, { script }) =>
        script === "proxy-read"
          ? succeeded('proxy caddy:2.11.4 - running\nhash 0a1b\nsites blog {"version":2}\n')
          : undefined
      const { exit } = yield* rehearse(shop(), { override })
      expect(errors(exit).map(String)).toEqual([
        expect.stringContaining("/jiji/sites/blog.json on web1 cannot be read: it has version 2")
      ])
    })
  )

  it.effect("does not ask about the proxy if no service uses it", () =>
    Effect.gen(function* () {
      const { on } = yield* rehearse(project())
      expect(proxyLines(on("web1"))).toEqual([])
    })
  )

  it.effect("reads the sites again if another deploy has changed them, and gives up after a while", () =>
    Effect.gen(function* () {
      let changes = 0
      const override =
        (limit: number): Override =>
        (_machine, command) =>
          command.script === "proxy-apply" && command.arguments?.["mode"] === "apply" && changes++ < limit
            ? succeeded("changed\n")
            : undefined
      expect(errors((yield* rehearse(shop(), { override: override(2) })).exit)).toEqual([])
      expect(changes).toBe(3)
      changes = 0
      const { exit } = yield* rehearse(shop(), { override: override(100) })
      expect(errors(exit).map(String)).toEqual([expect.stringContaining("kept changing the proxy of web1")])
    })
  )

  for (const [says, text] of [
    ["foreign\n", "The container jiji-proxy on web1 was not created by jiji."],
    ["rootless\n", "docker on web1 is rootless"],
    ["busy\n", "Other deploys kept changing the proxy of web1."],
    [
      "taken 443 nginx (process 12)\n",
      "The proxy needs port 443 of web1, but nginx (process 12) already listens there."
    ],
    ["unfit it has no sh\n", "caddy:2.11.4 cannot be the proxy of web1: it has no sh."],
    [
      "failed old\n{}\nError: no space\n",
      "The proxy of web1 does not start; the old one keeps running:\nError: no space"
    ]
  ] as const) {
    it.effect(`reports why the proxy does not run: ${says.trim().split("\n")[0]}`, () =>
      Effect.gen(function* () {
        const override: Override = (_machine, { script }) => (script === "proxy-ensure" ? succeeded(says) : undefined)
        const { exit, on } = yield* rehearse(shop(), { override })
        expect(errors(exit).map(String)).toEqual([expect.stringContaining(text)])
        expect(on("web1").some((line) => line.startsWith("replace"))).toBe(false)
      })
    )
  }

  it.effect("reports what Caddy rejects, before a service is replaced", () =>
    Effect.gen(function* () {
      const override: Override = (_machine, { script }) =>
        script === "proxy-apply" ? succeeded('invalid\n{"level":"info"}\nError: bad\n') : undefined
      const { exit, on } = yield* rehearse(shop(), { override })
      expect(errors(exit).map(String)).toEqual([expect.stringContaining("keeps the old one:\nError: bad")])
      expect(on("web1").some((line) => line.startsWith("replace"))).toBe(false)
    })
  )
})

describe("a new host name", () => {
  const warnings = (dns: Readonly<Record<string, ReadonlyArray<string>>>, known: ReadonlyArray<ProjectSites> = []) =>
    Effect.gen(function* () {
      const found: Array<string> = []
      const publish: Events["Service"]["publish"] = (event) =>
        Effect.sync(() => void (event._tag === "StepNoted" && found.push(event.text)))
      const resolve = (host: string) => Effect.succeed(Option.fromUndefinedOr(dns[host]))
      const state = { sites: known, gone: [], up: new Map<string, string>(), hash: "" }
      yield* warnAboutNames(shop(), server("web1", { host: "web1.test" }), state).pipe(
        Effect.provide(ServerProxy.layerWith(resolve).pipe(Layer.provide(noShell))),
        Effect.updateService(Events, (events) => ({ ...events, publish })),
        Effect.provide(Events.layer.pipe(Layer.provide(Scrubber.layer))),
        Effect.scoped
      )
      return found
    })
  const noShell = Layer.mock(Shell, {})

  it.effect("that leads elsewhere, or nowhere, gets a warning with both addresses", () =>
    Effect.gen(function* () {
      const own = { "web1.test": ["203.0.113.10"] }
      expect(yield* warnings({ ...own, "shop.test": ["198.51.100.7"] })).toEqual([
        "shop.test leads to 198.51.100.7, not to web1 (203.0.113.10); it gets a certificate only when it leads there"
      ])
      expect(yield* warnings({ ...own, "shop.test": [] })).toEqual([
        "shop.test has no address in DNS; it gets a certificate only when it leads to web1 (203.0.113.10)"
      ])
      expect(yield* warnings({ ...own, "shop.test": ["203.0.113.10"] })).toEqual([])
    })
  )

  it.effect("gets none if DNS does not answer, or the proxy serves it already", () =>
    Effect.gen(function* () {
      expect(yield* warnings({ "web1.test": ["203.0.113.10"] })).toEqual([])
      expect(yield* warnings({ "shop.test": [] })).toEqual([])
      const known = [projectSites("shop", [site("web", ["shop.test"])])]
      expect(yield* warnings({ "web1.test": ["203.0.113.10"], "shop.test": [] }, known)).toEqual([])
    })
  )
})
