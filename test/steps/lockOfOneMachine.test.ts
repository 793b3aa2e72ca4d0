import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { encodeSaid } from "../../src/layers/lock/Holder.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"
import { unlock } from "../../src/steps/LockPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { Files } from "../config/project.ts"
import { it } from "../support/effect.ts"
import { project, server, service } from "./rehearsal.ts"

const shop = project({
  servers: [server("web1"), server("web2")],
  services: [service("web", ["web1", "web2"])]
})
const payload = (run: string) => encodeSaid({ user: "ann", machine: "laptop", run, command: "deploy" })
const holds = (on: string, text: string) => Answer.when({ on, command: "jiji:hold.sh" }, Answer.says(text))

describe("the lock of two servers that are one machine", () => {
  it.effect("is one lock", () =>
    Effect.gen(function* () {
      const answers = [
        holds("web1", "locked boot:1:2\n"),
        holds("web2", `file boot:1:2\nheld run 100 90 ${payload("x")}\n`)
      ]
      const { failures } = yield* Rehearsal.run(deploy, { project: shop }, { answers, layers: Files })
      expect(failures).toEqual([])
    })
  )

  it.effect("is not taken for held because somebody on another machine says so", () =>
    Effect.gen(function* () {
      for (const file of ["file boot:1:3\n", "file \n", ""]) {
        const answers = [holds("web1", "locked boot:1:2\n"), holds("web2", `${file}held run 100 90 ${payload("x")}\n`)]
        const { failures } = yield* Rehearsal.run(deploy, { project: shop }, { answers, layers: Files })
        expect(failures.map(({ message }) => message).join()).toContain("is running deploy of shop on web2")
      }
    })
  )
})

describe("unlocking", () => {
  it.effect("fails if the project is still locked", () =>
    Effect.gen(function* () {
      const answers = [
        Answer.when({ on: "web2", command: "jiji:mark.sh" }, Answer.says(`mark 100 90 200 id ${payload("x")}\n`))
      ]
      const { failures } = yield* Rehearsal.run(unlock, { project: shop, force: true }, { answers, layers: Files })
      const text = failures.map(({ message }) => message).join()
      expect(text).toContain("Still locked: ann on laptop has locked shop on web2")
    })
  )
})
