import { describe, expect, test } from "bun:test"
import { Effect, Exit } from "effect"

import { deploy } from "../../src/steps/DeployPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { withRegistry, deploying, errorOf, asking } from "./rehearsing.ts"

describe("a simulated fault fails with the same error as on a real machine", () => {
  const at = { server: "web2", host: "203.0.113.11", port: 2222 }
  it.effect("an unreachable server", () =>
    Effect.gen(function* () {
      const error = errorOf(yield* deploying(Answer.unreachable("web2", { reason: "dns" })))
      expect(error).toMatchObject({ _tag: "HostUnreachable", exitCode: 69, reason: "dns", ...at })
    })
  )

  it.effect("a changed host key", () =>
    Effect.gen(function* () {
      const error = errorOf(yield* deploying(Answer.hostKeyChanged("web2")))
      expect(error).toMatchObject({ _tag: "HostKeyChanged", exitCode: 77, file: "/home/me/.ssh/known_hosts", ...at })
    })
  )

  it.effect("a refused tunnel, and a tunnel that is lost at once or during a pull", () =>
    Effect.gen(function* () {
      const refused = errorOf(yield* deploying(Answer.tunnelRefused("web2")))
      expect(refused).toMatchObject({ _tag: "ForwardRefused", server: "web2", port: 9270 })
      const lost = { _tag: "ConnectionLost", server: "web2" }
      expect(errorOf(yield* deploying(Answer.tunnelLost("web2")))).toMatchObject(lost)
      const later = yield* deploying(
        Answer.tunnelLost("web2", "3 seconds"),
        Answer.when("jiji:pull.sh", Answer.slow("1 minute"))
      )
      expect(errorOf(later)).toMatchObject(lost)
      const failed = later.events.find((event) => event._tag === "StepFailed" && event.path.endsWith("pull"))
      expect(failed).toMatchObject({ path: "deploy/servers[web2]/services[web]/pull", millis: 3_000 })
      // The other server finishes its pull.
      expect(later.on("web1").at(-1)).toStartWith("jiji:tidy.sh")
      expect(later.events.at(-1)).toMatchObject({ millis: 60_000 })
    })
  )

  it.effect("a failed build and a missing engine", () =>
    Effect.gen(function* () {
      const broken = errorOf(yield* deploying(Answer.when("docker build", Answer.fails("no such file"))))
      expect(broken).toMatchObject({ _tag: "BuildFailed", log: "no such file" })
      const here = errorOf(yield* deploying(Answer.when("docker", Answer.missing)))
      expect(here).toMatchObject({ _tag: "ProgramMissing", program: "docker" })
      const there = errorOf(yield* deploying(Answer.when({ on: "web2", command: "*" }, Answer.missing)))
      expect(there).toMatchObject({ _tag: "EngineMissing", machine: "web2" })
    })
  )

  test.each([
    [401, "RegistryRefused"],
    [403, "RegistryForbidden"],
    [404, "ImageNotFound"],
    [429, "RegistryRateLimited"],
    [500, "RegistryFailing"],
    [503, "RegistryFailing"],
    [507, "RegistryFull"]
  ] as const)("HTTP status %d from a registry", async (status, tag) => {
    const secrets = { TOKEN: "hunter22" }
    for (const on of ["local", "web2"]) {
      const script = { answers: [Answer.registry(status, on)], secrets }
      const run = await Effect.runPromise(Rehearsal.run(deploy, { project: withRegistry }, script))
      expect(errorOf(run)).toMatchObject({ _tag: tag, machine: on })
      expect(JSON.stringify([run.events, run.commands])).not.toContain("hunter22")
    }
  })

  it.effect("a secret that the script does not define", () =>
    Effect.gen(function* () {
      const run = yield* Rehearsal.run(deploy, { project: withRegistry })
      expect(errorOf(run)).toMatchObject({ _tag: "SecretsMissing" })
      expect(run.commands).toEqual([])
    })
  )
})

describe("a command that is cut off", () => {
  it.effect("loses the server's connection after part of its output, with everything that runs over it", () =>
    Effect.gen(function* () {
      const first = Answer.when({ on: "web1", command: "ask" }, Answer.cutOff("half an ans"), Answer.usual)
      const run = yield* Rehearsal.run(asking("ask"), {}, { answers: [first] })
      expect(Exit.isSuccess(run.exit)).toBe(true)
      expect(run.events).toContainEqual(
        expect.objectContaining({ _tag: "StepOutput", machine: "web1", line: "half an ans" })
      )
      expect(run.events.find(({ _tag }) => _tag === "StepRetried")).toMatchObject({
        failures: [{ tag: "ConnectionLost" }]
      })
      // The second attempt opens a new connection.
      Rehearsal.expect(run, { web1: ["# open", "ask", "# open", "ask"], web2: ["# open", "ask"] })
      expect(run.held.map(({ released, resource }) => [resource, released])).toEqual([
        ["connection to web1", true],
        ["connection to web2", true],
        ["connection to web1", true]
      ])
    })
  )

  it.effect("is killed if it runs on this machine", () =>
    Effect.gen(function* () {
      const run = yield* deploying(Answer.when("docker save", Answer.cutOff("the beginning of a tar")))
      expect(errorOf(run)).toMatchObject({ _tag: "CommandFailed", code: 137 })
    })
  )
})
