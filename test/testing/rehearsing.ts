import { Cause, Effect, Exit, Schedule } from "effect"
import type { Server } from "../../src/config/Project.ts"
import { local, remote } from "../../src/layers/shell/Machine.ts"
import { Shell } from "../../src/layers/shell/Shell.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"

export const shop = {
  project: "shop",
  servers: { web1: { host: "203.0.113.10" }, web2: { host: "203.0.113.11", port: 2222 } },
  services: { web: { build: {}, hosts: ["web1", "web2"] } }
}
export const project = Rehearsal.project(shop)
const ghcr = { type: "remote", server: "ghcr.io", username: "me", password: "TOKEN" }
export const withRegistry = Rehearsal.project({ ...shop, builder: { registry: ghcr } })

/** Runs a deploy with these answers. */
export const deploying = (...answers: ReadonlyArray<Answer.Answer>) => Rehearsal.run(deploy, { project }, { answers })

/** The error of a run. */
export const errorOf = ({ exit }: Rehearsal.RehearsalResult<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

/** A pipeline that runs a program on this machine and then on each server. */
export const asking = (program: string) => {
  const here = Step.make(
    "here",
    Effect.fnUntraced(function* () {
      const { stdout } = yield* (yield* Shell).run(local, { words: [program], show: "all" })
      return { said: stdout }
    })
  )
  const there = Step.make(
    "there",
    Effect.fnUntraced(function* ({ server }: { readonly server: Server }) {
      const { exitCode } = yield* (yield* Shell).run(remote(server), { words: [program], show: "all" })
      if (exitCode !== 0) return yield* Effect.fail("bad" as const)
    })
  ).pipe(Step.retry(Schedule.spaced("1 hour").pipe(Schedule.upTo({ times: 3 }))))
  return Pipeline.make("ask").pipe(
    Pipeline.step(here),
    Pipeline.forEach({
      name: "servers",
      as: "server",
      items: () => project.servers,
      key: ({ name }) => name,
      body: Pipeline.make<{ readonly server: Server }>("server").pipe(Pipeline.step(there))
    })
  )
}
