import { describe, expect, test } from "bun:test"
import { Effect, Exit, Result } from "effect"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { Files } from "../config/project.ts"
import { configurationOf } from "../../src/steps/configuration.ts"
import { it } from "../support/effect.ts"
import { errors } from "./deploys.ts"
import { failed, image, type Override, project, rehearse, server, service, succeeded } from "./rehearsal.ts"

const digest = `sha256:${"a".repeat(64)}`
const cache = (name: string) => service(name, ["web1"], { source: image(`redis@${digest}`) })

/** A container of a service as it should be, with more labels. */
const container = (name: string, labels: Readonly<Record<string, string>> = {}) => {
  const { hash, parts } = configurationOf(cache(name), new Map())
  const all = { project: "shop", service: name, digest, config: hash, parts, ...labels }
  return {
    Id: name,
    Name: `/shop-${name}`,
    Image: "sha256:i1",
    State: { Status: "running", Running: true },
    Config: { Labels: Object.fromEntries(Object.entries(all).map(([key, value]) => [`jiji.${key}`, value])) }
  }
}

const answering =
  (scripts: Readonly<Record<string, string>>): Override =>
  (_, { script = "" }) =>
    scripts[script] === undefined ? undefined : succeeded(scripts[script])
const probed = (...containers: ReadonlyArray<unknown>) => `docker 20.10 x86_64\n${JSON.stringify(containers)}`

const addressesIn = (lines: ReadonlyArray<string>) =>
  lines.flatMap((line) => /^replace .* --network-alias (\S+) --ip (\S+) /.exec(line)?.slice(1, 3).join(" ") ?? [])

describe("the network of a deploy", () => {
  it.effect("exists before the first container is created, and gives each one an address of its own", () =>
    Effect.gen(function* () {
      const override = answering({ network: "network 10.0.0.0/28\n" })
      const services = ["a", "b", "c", "d", "e", "f"].map(cache)
      const { events, on } = yield* rehearse(project({ services }), { override })
      const lines = on("web1")
      expect(lines.filter((line) => line.startsWith("network"))).toEqual([
        "network engine=docker project=shop name=jiji-shop"
      ])
      expect(lines.findIndex((line) => line.startsWith("network"))).toBeLessThan(
        lines.findIndex((line) => line.startsWith("replace"))
      )
      const addresses = addressesIn(lines).map((line) => line.split(" ")[1])
      expect(addresses.toSorted()).toEqual(["2", "3", "4", "5", "6", "7"].map((last) => `10.0.0.${last}`))
      const done = events.find((event) => event._tag === "StepSucceeded" && event.path.endsWith("/network"))
      expect(done).toMatchObject({ result: { network: { name: "jiji-shop", subnet: "10.0.0.0/28" } } })
    })
  )

  it.effect("gives no container the address of another one of the project, running or not", () =>
    Effect.gen(function* () {
      const taken = ["2", "3", "4", "6", "7"].map((last, index) =>
        container(`other${index}`, { address: `10.0.0.${last}` })
      )
      const override = answering({ network: "network 10.0.0.0/28\n", probe: probed(...taken) })
      const { on } = yield* rehearse(project({ services: [cache("a")] }), { override })
      expect(addressesIn(on("web1"))).toEqual(["a 10.0.0.5"])
    })
  )

  it.effect("is not looked at if all containers are kept", () =>
    Effect.gen(function* () {
      const override = answering({ probe: probed(container("a")) })
      const { events, on } = yield* rehearse(project({ services: [cache("a")] }), { override })
      expect(on("web1")).toEqual(["connect", "probe engine=docker project=shop"])
      expect(events.find((event) => event._tag === "StepSkipped" && event.path.endsWith("/network"))).toMatchObject({
        reason: "no container is started"
      })
    })
  )

  it.effect("is why a container of an older version of jiji is replaced", () =>
    Effect.gen(function* () {
      const { network: _, ...parts } = JSON.parse(configurationOf(cache("a"), new Map()).parts) as { network: string }
      const before = container("a", { config: "before", parts: JSON.stringify(parts) })
      const { events } = yield* rehearse(project({ services: [cache("a")] }), {
        override: answering({ probe: probed(before) })
      })
      expect(events.find((event) => event._tag === "StepSucceeded" && event.path.endsWith("/deploy"))).toMatchObject({
        result: { deployed: { outcome: "replaced", because: ["network"] } }
      })
    })
  )

  it.effect("fails before anything is pulled if it has no address left", () =>
    Effect.gen(function* () {
      const override = answering({ network: "network 10.0.0.0/28\n" })
      const services = ["a", "b", "c", "d", "e", "f", "g"].map(cache)
      const { exit, on } = yield* rehearse(project({ services }), { override })
      expect(errors(exit)).toMatchObject([
        { message: "The network jiji-shop on web1 has no free address: the lower half of 10.0.0.0/28 is used up." }
      ])
      expect(on("web1").some((line) => line.startsWith("pull"))).toBe(false)
    })
  )

  it.effect("is created on each server by itself", () =>
    Effect.gen(function* () {
      const services = [service("web", ["web1", "web2"], { source: image("nginx:1.27") })]
      const { all } = yield* rehearse(project({ servers: [server("web1"), server("web2")], services }))
      expect(all.filter((line) => line.includes(" network ")).map((line) => line.split(" ")[0])).toEqual([
        "web1:",
        "web2:"
      ])
    })
  )
})

describe("an address that another container has", () => {
  const inUse = "Error response from daemon: Address already in use\nError: failed to start containers: shop-a-next\n"
  const clashing =
    (times: number): Override =>
    (_, { script }) => {
      if (script !== "replace" || times-- <= 0) return undefined
      return { ...failed(inUse), stdout: "unstarted\n", exitCode: 13 }
    }

  it.effect("is exchanged for another one", () =>
    Effect.gen(function* () {
      const { exit, on } = yield* rehearse(project({ services: [cache("a")] }), { override: clashing(1) })
      expect(Exit.isSuccess(exit)).toBe(true)
      const [first, second, ...more] = addressesIn(on("web1"))
      expect(first).toStartWith("a 172.30.")
      expect(second).toStartWith("a 172.30.")
      expect(second).not.toBe(first)
      expect(more).toEqual([])
    })
  )

  it.effect("is reported with what to do if it happens twice", () =>
    Effect.gen(function* () {
      const { exit, on } = yield* rehearse(project({ services: [cache("a")] }), { override: clashing(2) })
      const [, second = ""] = addressesIn(on("web1"))
      expect(errors(exit)).toMatchObject([
        {
          message: `The new container of a on web1 cannot start: another container has its address ${second.split(" ")[1]}.`,
          remedy:
            "Deploy again: jiji chooses other addresses. `docker network inspect jiji-shop` shows the containers of the network."
        }
      ])
    })
  )
})

test("a pipeline of one's own needs no step for the network", async () => {
  const without = Result.getOrThrow(Pipeline.remove("deploy/servers/network")(deploy))
  const run = await Effect.runPromise(Rehearsal.run(without, { project: project() }, { layers: Files }))
  expect(Exit.isSuccess(run.exit)).toBe(true)
  const scripts = run.entries.flatMap((entry) => (entry._tag === "Command" ? [entry.command.script ?? ""] : []))
  expect(scripts.filter((name) => ["network", "replace"].includes(name))).toEqual(["network", "replace"])
})
