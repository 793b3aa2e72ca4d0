import { describe, expect } from "bun:test"
import { Effect, Exit } from "effect"
import { configurationOf } from "../../src/steps/configuration.ts"
import { it } from "../support/effect.ts"
import { fakeDigest, head } from "./deploys.ts"
import { type Override, project, rehearse, service, succeeded } from "./rehearsal.ts"

const digest = fakeDigest("localhost:9270/shop-web:abc1234")
const web = service("web", ["web1"], { replicas: 2 })

const container = (name: string, service = "web") => ({
  Id: `id-of-${name}`,
  Name: `/${name}`,
  Image: "sha256:i1",
  State: { Running: true },
  Config: {
    Labels: {
      "jiji.project": "shop",
      "jiji.service": service,
      "jiji.digest": digest,
      "jiji.config": configurationOf(web, new Map()).hash
    }
  }
})

const deploy = (...names: ReadonlyArray<string>) => {
  const found = JSON.stringify(names.map((name) => container(name)))
  const override: Override = (_, command) =>
    command.script === "probe" ? succeeded(`docker 20.10 x86_64\n${found}`) : undefined
  return Effect.map(rehearse(project({ services: [web] }), { override }), ({ events, exit, on }) => {
    expect(Exit.isSuccess(exit)).toBe(true)
    const deployed = events.flatMap((event) =>
      (event._tag === "StepSucceeded" || event._tag === "StepSkipped") && event.path.endsWith("/deploy")
        ? [event.result]
        : []
    )
    const notes = events.flatMap((event) => (event._tag === "StepNoted" ? [event.text] : []))
    const replaced = on("web1").filter((line) => line.startsWith("replace"))
    return { deployed: deployed[0], notes, replaced }
  })
}

describe("replicas of a service", () => {
  it.effect("are started one after another, each with a name of its own", () =>
    Effect.gen(function* () {
      const { deployed, replaced } = yield* deploy()
      expect(replaced.map(head)).toEqual([
        "replace engine=docker name=shop-web project=shop",
        "replace engine=docker name=shop-web-2 project=shop"
      ])
      expect(deployed).toMatchObject({ deployed: { outcome: "started", because: [] } })
      const addresses = replaced.map((line) => /--ip (\S+)/.exec(line)?.[1])
      expect(new Set(addresses).size).toBe(2)
    })
  )

  it.effect("are replaced only if they differ", () =>
    Effect.gen(function* () {
      const { deployed, notes, replaced } = yield* deploy("shop-web")
      expect(replaced.map(head)).toEqual(["replace engine=docker name=shop-web-2 project=shop"])
      expect(notes).toContain("keep web, start web-2")
      expect(deployed).toMatchObject({ deployed: { outcome: "started", container: "id-of-shop-web" } })
      expect((yield* deploy("shop-web", "shop-web-2")).replaced).toEqual([])
    })
  )

  it.effect("are removed if they are too many, from the last", () =>
    Effect.gen(function* () {
      const { deployed, notes, replaced } = yield* deploy("shop-web", "shop-web-2", "shop-web-3", "shop-web-10")
      expect(replaced.map((line) => /name=\S+|strategy=\S+/g[Symbol.match](line))).toEqual([
        ["name=shop-web-10", "strategy=remove"],
        ["name=shop-web-3", "strategy=remove"]
      ])
      expect(notes).toContain("keep web, keep web-2, remove web-10, remove web-3")
      expect(notes.filter((note) => note.includes("not in deploy.yml"))).toEqual([])
      expect(deployed).toMatchObject({ deployed: { outcome: "replaced", because: ["2 replicas removed"] } })
    })
  )
})
