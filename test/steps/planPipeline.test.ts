import { expect } from "bun:test"
import { Effect, Exit } from "effect"
import { planLines } from "../../src/reporters/planLines.ts"
import { plan } from "../../src/steps/PlanPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import { configurationOf } from "../../src/steps/configuration.ts"
import type { Service } from "../../src/config/Project.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { Files } from "../config/project.ts"
import { it } from "../support/effect.ts"
import { image, project, server, service, succeeded } from "./rehearsal.ts"

const web = service("web", ["web1", "web2"])
const db = service("db", ["web1"], { source: image("postgres:17") })
const digest = `sha256:${"a".repeat(64)}`

const container = (of: Service, version: string, name = `shop-${of.name}`) => {
  const { hash, parts } = configurationOf(of, new Map())
  return {
    Id: "f".repeat(64),
    Name: `/${name}`,
    Image: `sha256:${"1".repeat(64)}`,
    State: { Running: true },
    Config: {
      Labels: {
        "jiji.project": "shop",
        "jiji.service": of.name,
        "jiji.version": version,
        "jiji.digest": digest,
        "jiji.config": hash,
        "jiji.parts": parts
      }
    }
  }
}

const look = Effect.fnUntraced(function* (
  containers: Readonly<Record<string, ReadonlyArray<object>>>,
  more: Parameters<typeof project>[0] = {}
) {
  const answer = Answer.from((machine, { script }) =>
    script === "probe" && machine._tag === "Remote"
      ? succeeded(`docker 26.1.3 x86_64\n${JSON.stringify(containers[machine.server.name] ?? [])}`)
      : undefined
  )
  const input = {
    project: project({ servers: [server("web1"), server("web2")], services: [web, db], ...more }),
    requestedVersion: "v2",
    isFullDeploy: true
  }
  const { entries, exit } = yield* Rehearsal.run(plan, input, { answers: [answer], layers: Files })
  if (!Exit.isSuccess(exit)) throw new Error("the plan failed")
  const { report } = exit.value
  const commands = entries.flatMap((entry) => (entry._tag === "Command" ? [entry.command.script ?? "?"] : []))
  return { report, commands: [...new Set(commands)], lines: planLines(report, { columns: 100, colors: false }) }
})

it.effect("a version that runs anywhere is not built, and a tag that may have moved is no change", () =>
  Effect.gen(function* () {
    const on = { web1: [container(web, "v2"), container(db, "17")], web2: [container(web, "v2")] }
    const { commands, lines, report } = yield* look(on)
    expect(report.changes).toBe(false)
    expect(commands).toEqual(["probe"])
    expect(lines).toEqual([
      "Plan for shop, version v2:",
      "",
      "web1",
      "  keep    db, unless postgres:17 has changed in its registry",
      "  keep    web",
      "",
      "web2",
      "  keep    web",
      "",
      "Nothing to do."
    ])
  })
)

it.effect("a server without the version gets it, and another version would be built", () =>
  Effect.gen(function* () {
    const replicas = service("web", ["web1", "web2"], {
      release: { command: ["bin/migrate"], timeout: db.health.timeout }
    })
    const of = { services: [replicas] }
    const one = yield* look({ web1: [container(replicas, "v2")] }, of)
    expect(one.lines.slice(2, -1)).toEqual(["web1", "  keep    web", "", "web2", "  start   web"])
    const old = container(replicas, "v1", "shop-web-2")
    const other = yield* look({ web1: [container(replicas, "v1"), old], web2: [container(web, "v1", "copy")] }, of)
    expect(other.report.changes).toBe(true)
    expect(other.lines.slice(2)).toEqual([
      "web1",
      "  run     bin/migrate (release of web)",
      "  replace web: image: v2 would be built",
      "  remove  web-2: deploy.yml wants fewer replicas",
      "",
      "web2",
      "  start   web: image: would be built",
      "  orphan  copy is running but is not in deploy.yml for this server",
      ""
    ])
    const left = yield* look({ web1: [container(db, "17")] }, of)
    expect(left.lines.at(-1)).toBe("`jiji deploy --remove-orphans` removes services that deploy.yml does not have.")
    const removing = planLines(left.report, { columns: 100, colors: false }, true)
    expect(removing).toContain("  remove  shop-db; its volumes stay")
    expect(removing.at(-1)).toBe("")
  })
)
