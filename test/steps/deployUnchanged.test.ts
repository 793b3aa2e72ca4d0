import { describe, expect } from "bun:test"
import { Effect, Exit } from "effect"
import { label } from "../../src/layers/shell/Machine.ts"
import { configurationOf } from "../../src/steps/configuration.ts"
import { it } from "../support/effect.ts"
import { type Override, project, rehearse, succeeded, server, service } from "./rehearsal.ts"
import { fakeDigest, head } from "./deploys.ts"

describe("a deploy of a version that is already running", () => {
  const name = "localhost:9270/shop-web"
  const id = fakeDigest(`${name}:abc1234`)
  const web = service("web", ["web1"])

  const container = (labels: Readonly<Record<string, string>>, Running = true, Name = "/shop-web") => ({
    Id: "c0ffee",
    Name,
    Image: "sha256:i1",
    State: { Running },
    Config: { Labels: { "jiji.project": "shop", "jiji.service": "web", "jiji.version": "v0", ...labels } }
  })
  const same = { "jiji.digest": id, "jiji.config": configurationOf(web, new Map()).hash }
  const finds =
    (...containers: ReadonlyArray<unknown>): Override =>
    (_, command) =>
      command.script === "probe" ? succeeded(`docker 20.10 x86_64\n${JSON.stringify(containers)}`) : undefined

  it.effect("changes nothing on the server and reports why", () =>
    Effect.gen(function* () {
      const { events, exit, on } = yield* rehearse(project(), { override: finds(container(same)) })
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(on("web1")).toEqual(["connect", "probe engine=docker project=shop"])
      const skipped = events.flatMap((event) =>
        event._tag === "StepSkipped" ? [`${event.path.split("/").at(-1)}: ${event.reason}`] : []
      )
      expect(skipped).toEqual([
        "secrets: no secrets are used",
        "login: the registry is local",
        "network: no container is started",
        "tunnel: there is nothing to pull",
        "pull: already up to date",
        "deploy: already up to date"
      ])
      const result = events.find((event) => event._tag === "StepSkipped" && event.path.endsWith("/deploy"))
      expect(result).toMatchObject({
        result: { deployed: { server: "web1", service: "web", outcome: "unchanged", digest: id, container: "c0ffee" } }
      })
    })
  )

  it.effect("warns about containers that are not in deploy.yml, but only in a full deploy", () =>
    Effect.gen(function* () {
      const stray = (name: string, running = true) => ({
        ...container({ "jiji.service": name }, running, `/shop-${name}`)
      })
      const services = [web, service("api", ["web2"])]
      const of = project({ services, servers: [server("web1"), server("web2")] })
      const found = finds(container(same), stray("old"), stray("api"), stray("ended", false))
      const override: Override = (machine, command) => (label(machine) === "web1" ? found(machine, command) : undefined)
      const warnings = Effect.fnUntraced(function* (isFullDeploy: boolean) {
        const { events } = yield* rehearse(of, { override, isFullDeploy })
        return events.flatMap((event) => (event._tag === "StepNoted" && event.level === "warning" ? [event.text] : []))
      })
      const says = (name: string, state = "running") =>
        `${name} is ${state} here but is not in deploy.yml for this server. To remove it: jiji remove ${name.slice(5)} -H web1, or jiji deploy --remove-orphans`
      expect(yield* warnings(true)).toEqual([says("shop-old"), says("shop-api"), says("shop-ended", "stopped")])
      expect(yield* warnings(false)).toEqual([])
    })
  )

  it.effect("replaces the container if anything about it differs", () =>
    Effect.gen(function* () {
      const others = [
        [container({ ...same, "jiji.digest": fakeDigest("other") })],
        [container({ ...same, "jiji.config": "other" })],
        [container(same, false)],
        [container(same, true, "/shop-web-next")],
        [container(same), container(same, true, "/shop-web-next")]
      ]
      for (const containers of others) {
        const { events, on } = yield* rehearse(project(), { override: finds(...containers) })
        expect(head(on("web1").findLast((line) => line.startsWith("replace")))).toBe(
          "replace engine=docker name=shop-web project=shop"
        )
        const done = events.find((event) => event._tag === "StepSucceeded" && event.path.endsWith("/deploy"))
        expect(done).toMatchObject({ result: { deployed: { outcome: "replaced" } } })
      }
    })
  )

  it.effect("reports a container as unchanged if the server finds it already replaced", () =>
    Effect.gen(function* () {
      const { events } = yield* rehearse(project(), {
        override: (_, command) => (command.script === "replace" ? succeeded("unchanged c0ffee\n") : undefined)
      })
      const last = events.find((event) => event._tag === "StepSkipped" && event.path.endsWith("/deploy"))
      expect(last).toMatchObject({ result: { deployed: { outcome: "unchanged", container: "c0ffee" } } })
    })
  )
})
