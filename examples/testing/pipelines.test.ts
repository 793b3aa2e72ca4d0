/** Tests of pipelines that need only Bun: `bun test examples/testing`. */
import { expect, test } from "bun:test"
import { Effect, Exit } from "effect"
import { deploy } from "jiji"
import { Answer, Rehearsal } from "jiji/testing"
import { restart } from "./restart.ts"

const project = Rehearsal.project({
  project: "shop",
  servers: { web1: { host: "203.0.113.10" }, web2: { host: "203.0.113.11" } },
  services: { web: { build: {}, hosts: ["web1", "web2"] } }
})
const input = { project }

test("changes nothing on the other servers when one is down", async () => {
  const down = [Answer.unreachable("web2", { reason: "timeout", after: "10 seconds" })]
  const run = await Effect.runPromise(Rehearsal.run(deploy, input, { answers: down }))
  expect(run.failures).toMatchObject([{ tag: "HostUnreachable" }])
  Rehearsal.expect(run, {
    web1: ["# open the SSH connection", "jiji:probe.sh"],
    web2: ["# open the SSH connection"]
  })
})

test("replaces the container on both servers", async () => {
  const run = await Effect.runPromise(Rehearsal.run(deploy, input))
  expect(Exit.isSuccess(run.exit)).toBe(true)
  const there = [
    "# open",
    "jiji:probe.sh",
    "jiji:network.sh",
    "# forward 127.0.0.1:9270",
    "jiji:pull.sh",
    "jiji:replace.sh engine=docker name=shop-web",
    "jiji:kept.sh",
    "jiji:tidy.sh"
  ]
  Rehearsal.expect(run, { web1: there, web2: there })
  expect(run.held.filter(({ released }) => !released)).toEqual([])
})

test("does not restart the others when the first restart fails", async () => {
  const broken = [Answer.when({ on: "web1", command: "docker restart" }, Answer.fails("No such container: shop-web"))]
  const run = await Effect.runPromise(Rehearsal.run(restart, input, { answers: broken }))
  expect(run.failures).toMatchObject([{ message: "web1: No such container: shop-web" }])
  Rehearsal.expect(run, { web2: [] })
})

test("retries a failed restart an hour later", async () => {
  const once = [Answer.times(1, Answer.when("docker restart", Answer.fails("the engine is busy")))]
  const run = await Effect.runPromise(Rehearsal.run(restart, input, { answers: once }))
  expect(Exit.isSuccess(run.exit)).toBe(true)
  // Two hours: one for the first server, and then one for the second.
  expect(run.events.at(-1)).toMatchObject({ _tag: "RunSucceeded", millis: 2 * 60 * 60 * 1000 })
})
