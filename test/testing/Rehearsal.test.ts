import { describe, expect, test } from "bun:test"
import { Cause, Effect, Exit, Schedule } from "effect"
import { TestConsole } from "effect/testing"
import { ConfigInvalid } from "../../src/config/Problem.ts"
import type { Server } from "../../src/config/Project.ts"
import { local, remote } from "../../src/layers/shell/Machine.ts"
import { Shell } from "../../src/layers/shell/Shell.ts"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import * as Step from "../../src/pipeline/Step.ts"
import { deploy } from "../../src/steps/DeployPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import { difference } from "../../src/testing/difference.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"

const shop = {
  project: "shop",
  servers: { web1: { host: "203.0.113.10" }, web2: { host: "203.0.113.11", port: 2222 } },
  services: { web: { build: {}, hosts: ["web1", "web2"] } }
}
const project = Rehearsal.project(shop)
const ghcr = { type: "remote", server: "ghcr.io", username: "me", password: "TOKEN" }
const withRegistry = Rehearsal.project({ ...shop, builder: { registry: ghcr } })

/** Runs a deploy with these answers. */
const deploying = (...answers: ReadonlyArray<Answer.Answer>) => Rehearsal.run(deploy, { project }, { answers })

/** The error of a run. */
const errorOf = ({ exit }: Rehearsal.RehearsalResult<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

/** A pipeline that runs a program on this machine and then on each server. */
const asking = (program: string) => {
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

const retries = ({ events }: Rehearsal.RehearsalResult<unknown, unknown>) =>
  events.flatMap((event) => (event._tag === "StepRetried" ? [`${event.path} ${event.attempt}`] : []))

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
      expect(later.on("web1").at(-1)).toStartWith("jiji:replace.sh")
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

describe("the answers of a script", () => {
  const ask = (...answers: ReadonlyArray<Answer.Answer>) =>
    Effect.map(Rehearsal.run(asking("ask"), {}, { answers }), retries)
  const bad = Answer.fails("")
  const there = (...replies: readonly [Answer.Reply, ...ReadonlyArray<Answer.Reply>]) =>
    Answer.when({ on: "web*", command: "ask" }, ...replies)
  const path = (name: string) => `ask/servers[${name}]/there`

  it.effect("reply in turn for each machine separately, and repeat the last reply", () =>
    Effect.gen(function* () {
      expect(yield* ask(there(bad, bad, Answer.usual))).toEqual([
        `${path("web1")} 1`,
        `${path("web2")} 1`,
        `${path("web1")} 2`,
        `${path("web2")} 2`
      ])
      expect(yield* ask(there(Answer.usual, bad))).toEqual([])
    })
  )

  it.effect("can be limited to the first attempts or to one attempt", () =>
    Effect.gen(function* () {
      const web1 = Answer.when({ on: "web1", command: "ask" }, bad)
      expect(yield* ask(Answer.times(2, web1))).toEqual([`${path("web1")} 1`, `${path("web1")} 2`])
      expect(yield* ask(Answer.nth(1, web1))).toEqual([`${path("web1")} 1`])
      expect(yield* ask(Answer.nth(2, web1))).toEqual([])
      expect(yield* ask(Answer.times(1, Answer.unreachable("web2")))).toEqual([`${path("web2")} 1`])
    })
  )

  it.effect("count in order: the first match wins, and the others stay unused", () =>
    Effect.gen(function* () {
      const run = yield* Rehearsal.run(
        asking("ask"),
        {},
        { answers: [Answer.when("other", bad), Answer.when(/^as/, Answer.says("one")), Answer.when("*", bad)] }
      )
      expect(run.exit).toMatchObject({ value: { said: "one" } })
      expect(run.unused).toEqual(["other", "*"])
    })
  )
})

describe("a rehearsal", () => {
  it.effect("reports held resources and releases them in reverse order when interrupted", () =>
    Effect.gen(function* () {
      const run = yield* Rehearsal.run(
        deploy,
        { project },
        { answers: [Answer.when("jiji:pull.sh", Answer.hangs)], interrupt: "5 minutes" }
      )
      expect(run.events.at(-1)).toMatchObject({ _tag: "RunInterrupted", millis: 300_000 })
      const names = run.held.map(({ resource }) => resource)
      expect(names.toSorted()).toEqual([
        "connection to web1",
        "connection to web2",
        "local registry",
        "reverse forward from web1",
        "reverse forward from web2"
      ])
      expect(run.held.every(({ released }) => released)).toBe(true)
      const released = run.events.flatMap((event) => (event._tag === "ResourceReleased" ? [event.resource] : []))
      expect(released.slice(0, 2).toSorted()).toEqual(["reverse forward from web1", "reverse forward from web2"])
      expect(released[2]).toBe("local registry")
    })
  )

  it.effect("reports undone steps", () =>
    Effect.gen(function* () {
      const done = Step.make("done", () => Effect.void).pipe(Step.undo(() => Effect.void))
      const broken = Step.make("broken", () => Effect.fail("broken"))
      const pipeline = Pipeline.make("p").pipe(Pipeline.step(done), Pipeline.step(broken))
      expect((yield* Rehearsal.run(pipeline, {})).undone).toEqual(["p/done"])
    })
  )

  it.effect("publishes a step's log messages as events and prints nothing", () =>
    Effect.gen(function* () {
      const says = Step.make("says", () => Effect.logWarning("two", { words: 2 }))
      const run = yield* Rehearsal.run(Pipeline.make("p").pipe(Pipeline.step(says)), {})
      const noted = run.events.filter(({ _tag }) => _tag === "StepNoted")
      expect(noted).toMatchObject([{ path: "p/says", level: "warning", text: "two { words: 2 }" }])
      expect([...(yield* TestConsole.logLines), ...(yield* TestConsole.errorLines)]).toEqual([])
    })
  )

  it.effect("counts virtual time exactly, regardless of the work between waits", () =>
    Effect.gen(function* () {
      const busy = Effect.gen(function* () {
        for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
        yield* Effect.promise(() => Promise.resolve())
        yield* Effect.all([Effect.sleep("90 minutes"), Effect.sleep("1 second")], { concurrency: 2 })
      })
      const step = Step.make("busy", () => Effect.andThen(busy, busy))
      const run = yield* Rehearsal.run(Pipeline.make("p").pipe(Pipeline.step(step)), {})
      expect(run.events.at(-1)).toMatchObject({ _tag: "RunSucceeded", millis: 3 * 60 * 60 * 1000 })
      expect(run.events[0]?.time).toBe(0)
    })
  )

  it.live("waits for real work, and dies with a defect if that never ends", () =>
    Effect.gen(function* () {
      const real = Step.make("real", () => Effect.promise(() => Bun.sleep(20)))
      const never = Step.make("never", () => Effect.never)
      expect(Exit.isSuccess((yield* Rehearsal.run(Pipeline.make("p").pipe(Pipeline.step(real)), {})).exit)).toBe(true)
      const exit = yield* Effect.exit(Rehearsal.run(Pipeline.make("p").pipe(Pipeline.step(never)), {}))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({
        message: expect.stringMatching(
          /^The rehearsal did not end: after \d+s of real time, p\/never is waiting for something real, or .* `interrupt`\.$/
        )
      })
    })
  )

  it.live("names the step and the command when a command never gets an answer", () =>
    Effect.gen(function* () {
      const script = { answers: [Answer.when({ on: "web1", command: "ask" }, Answer.hangs)] }
      const exit = yield* Effect.exit(Rehearsal.run(asking("ask"), {}, script))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({
        message: expect.stringContaining('time, ask/servers[web1]/there is waiting for "ask" on web1. To test')
      })
    })
  )

  test("rejects wrong answers where they are made, and says what to pass", () => {
    const build = Answer.when("docker build", Answer.usual)
    expect(() => Answer.nth(0, build)).toThrow("Answer.nth got 0: pass a whole number, 1 for the first.")
    expect(() => Answer.times(-1, build)).toThrow("Answer.times got -1: pass a whole number, 1 or more.")
    expect(() => Answer.when({ on: "", command: "x" }, Answer.usual)).toThrow("Answer.when names no machine: pass")
    expect(() => Answer.when("", Answer.usual)).toThrow("Answer.when names no command: pass")
    expect(() => Answer.unreachable("")).toThrow("Answer.unreachable names no machine: pass")
    // A test that no compiler has checked may pass this.
    expect(() => Answer.slow("soon" as "1 second")).toThrow('Answer.slow got "soon": pass a duration such as')
    for (const answer of [Answer.unreachable("web7"), Answer.times(1, Answer.tunnelLost("web7"))]) {
      expect(() => deploying(answer)).toThrow(
        /^There is no machine "web7" \(answer: .*\)\. The machines are local, web1 and web2\.$/
      )
    }
  })

  test("makes a project from text like from a file, and throws its problems", () => {
    const text = "project: shop\nservers: { web1: { host: 203.0.113.10 } }\nservices: { web: { hosts: [web1] } }\n"
    expect(() => Rehearsal.project(text)).toThrow(ConfigInvalid)
    expect(() => Rehearsal.project(text)).toThrow("\ndeploy.yml:3 services.web: needs either build")
    const [web1, web2] = project.servers
    expect([web1?.port, web2?.port, project.root]).toEqual([undefined, 2222, "/project"])
  })
})

describe("the comparison with expected commands", () => {
  const done = ["# open the SSH connection", "docker pull a", "docker run a", "docker ps"]
  const compare = (...expected: ReadonlyArray<string | RegExp>) => difference({ web1: expected }, () => done, false)

  test("matches the first words, * as any text, and regular expressions", () => {
    expect(compare("# open", "docker pull", "docker run *", /^docker ps$/)).toBeUndefined()
    expect(compare("*", "*", "*", "*")).toBeUndefined()
    expect(compare("# op", "docker pull", "docker run", "docker ps")).toContain("- # op\n")
  })

  test("shows missing, different and unexpected commands among the matching ones", () => {
    expect(compare("# open", "docker login", "docker pull b", "docker run", "docker stop")).toBe(
      [
        "  web1:",
        "      # open the SSH connection",
        "    - docker login",
        "    - docker pull b",
        "    + docker pull a",
        "      docker run a",
        "    - docker stop",
        "    + docker ps"
      ].join("\n")
    )
  })

  test("checks that nothing was done on a machine, and ignores machines that are not named", () => {
    expect(difference({ web2: [] }, () => done, false)).toContain("+ docker run a")
    expect(difference({}, () => done, false)).toBeUndefined()
  })

  test("uses colours only on request", () => {
    expect(difference({ web2: [] }, () => ["a"], true)).toBe("  web2:\n    \u001b[32m+ a\u001b[0m")
  })

  it.effect("shows how the run ended, and unused answers", () =>
    Effect.gen(function* () {
      const run = yield* deploying(Answer.unreachable("web2"), Answer.when("podman", Answer.hangs))
      expect(() => Rehearsal.expect(run, { web1: ["jiji:probe.sh"] })).toThrow(
        [
          "The commands are not as expected (- expected, + actual):",
          "  web1:",
          "    + # open the SSH connection",
          "      jiji:probe.sh docker shop",
          "These answers were never used:",
          "  podman",
          "The run failed: web2 (203.0.113.11:2222) cannot be reached: the connection was refused."
        ].join("\n")
      )
      const good = yield* deploying()
      expect(() => Rehearsal.expect(good, { web2: [] })).toThrow(/The run succeeded\.$/)
    })
  )

  it.effect("rejects a machine that the project does not have", () =>
    Effect.gen(function* () {
      const run = yield* deploying()
      expect(() => Rehearsal.expect(run, { web9: [] })).toThrow(
        'There is no machine "web9". The machines are web1, web2 and local.'
      )
    })
  )
})
