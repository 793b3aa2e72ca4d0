import { describe, expect } from "bun:test"
import { Duration, Effect } from "effect"
import { encodeSaid } from "../../src/layers/lock/Holder.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { Files } from "../config/project.ts"
import { it } from "../support/effect.ts"
import { project, server, service } from "./rehearsal.ts"

const shop = project({
  servers: [server("web1"), server("web2")],
  services: [service("web", ["web1", "web2"])]
})
const payload = encodeSaid({ user: "ann", machine: "laptop", run: "0", command: "deploy" })
const held = (on: string, ...later: ReadonlyArray<Answer.Reply>) =>
  Answer.when({ on, command: "jiji:hold.sh" }, Answer.says(`held run 100 90 ${payload}\n`), ...later)

describe("the lock of a deploy", () => {
  it.effect("ends the deploy before it changes a server", () =>
    Effect.gen(function* () {
      const script = { answers: [held("web2")], layers: Files }
      const { commands, failures } = yield* Rehearsal.run(deploy, { project: shop }, script)
      expect(failures.map(({ message }) => message).join()).toContain("ann on laptop is running deploy of shop on web2")
      expect(commands.filter(({ text }) => text.includes("replace.sh"))).toEqual([])
    })
  )

  it.effect("reads the servers again if it had to wait", () =>
    Effect.gen(function* () {
      const script = { answers: [held("web2", Answer.usual)], layers: Files }
      const input = { project: shop, waitForLock: Duration.minutes(5) }
      const { events, failures } = yield* Rehearsal.run(deploy, input, script)
      expect(failures).toEqual([])
      expect(events.filter(({ path }) => path === "deploy/refresh/servers[web1]/connect").length).toBeGreaterThan(0)
    })
  )

  it.effect("needs no answers in a rehearsal, and shows no commands there", () =>
    Effect.gen(function* () {
      const answers = [Answer.when("*", Answer.usual)]
      const { commands, failures } = yield* Rehearsal.run(deploy, { project: shop }, { answers, layers: Files })
      expect(failures).toEqual([])
      expect(commands.filter(({ text }) => /hold\.sh|audit\.sh/.test(text))).toEqual([])
    })
  )
})
