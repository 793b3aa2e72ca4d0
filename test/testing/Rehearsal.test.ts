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
import { it } from "../effect.ts"

const shop = {
  project: "shop",
  servers: { web1: { host: "203.0.113.10" }, web2: { host: "203.0.113.11", port: 2222 } },
  services: { web: { build: {}, hosts: ["web1", "web2"] } }
}
const project = Rehearsal.project(shop)
const ghcr = { type: "remote", server: "ghcr.io", username: "me", password: "TOKEN" }
const withRegistry = Rehearsal.project({ ...shop, builder: { registry: ghcr } })

/** A deploy in which machines answer so. */
const deploying = (...answers: ReadonlyArray<Answer.Answer>) => Rehearsal.run(deploy, { project }, { answers })

/** What a run ended in. */
const errorOf = ({ exit }: Rehearsal.Rehearsed<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

/** A pipeline that runs a program on this machine, and then on every server. */
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

const retries = ({ events }: Rehearsal.Rehearsed<unknown, unknown>) =>
  events.flatMap((event) => (event._tag === "StepRetried" ? [`${event.path} ${event.attempt}`] : []))

describe("an answer of a script ends in the error that a real machine's would", () => {
  const at = { server: "web2", host: "203.0.113.11", port: 2222 }
  it.effect("a server that cannot be reached", () =>
    Effect.gen(function* () {
      const error = errorOf(yield* deploying(Answer.unreachable("web2", { reason: "dns" })))
      expect(error).toMatchObject({ _tag: "HostUnreachable", exitCode: 69, reason: "dns", ...at })
    })
  )

  it.effect("a host key that has changed", () =>
    Effect.gen(function* () {
      const error = errorOf(yield* deploying(Answer.hostKeyChanged("web2")))
      expect(error).toMatchObject({ _tag: "HostKeyChanged", exitCode: 77, file: "/home/me/.ssh/known_hosts", ...at })
    })
  )

  it.effect("a tunnel that is refused, or that is lost at once or in the middle of a pull", () =>
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
      // The other server goes on, for as long as its pull takes.
      expect(later.on("web1").at(-1)).toStartWith("jiji:replace.sh")
      expect(later.events.at(-1)).toMatchObject({ millis: 60_000 })
    })
  )

  it.effect("an image that does not build, and an engine that is not there", () =>
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
  ] as const)("a registry that answers %d", async (status, tag) => {
    const secrets = { TOKEN: "hunter22" }
    for (const on of ["local", "web2"]) {
      const script = { answers: [Answer.registry(status, on)], secrets }
      const run = await Effect.runPromise(Rehearsal.run(deploy, { project: withRegistry }, script))
      expect(errorOf(run)).toMatchObject({ _tag: tag, machine: on })
      expect(JSON.stringify([run.events, run.commands])).not.toContain("hunter22")
    }
  })

  it.effect("no secret but those of the script", () =>
    Effect.gen(function* () {
      const run = yield* Rehearsal.run(deploy, { project: withRegistry })
      expect(errorOf(run)).toMatchObject({ _tag: "SecretsMissing" })
      expect(run.commands).toEqual([])
    })
  )
})

describe("a command that is cut off", () => {
  it.effect("loses the connection after a part of its output, with all that runs over it", () =>
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
      // The second attempt opens a connection of its own.
      Rehearsal.expect(run, { web1: ["# open", "ask", "# open", "ask"], web2: ["# open", "ask"] })
      expect(run.held.map(({ released, resource }) => [resource, released])).toEqual([
        ["connection to web1", true],
        ["connection to web2", true],
        ["connection to web1", true]
      ])
    })
  )

  it.effect("was killed, where it ran on this machine", () =>
    Effect.gen(function* () {
      const run = yield* deploying(Answer.when("docker save", Answer.cutOff("the beginning of a tar")))
      expect(errorOf(run)).toMatchObject({ _tag: "CommandFailed", code: 137 })
    })
  )
})

describe("answers come in turn", () => {
  const ask = (...answers: ReadonlyArray<Answer.Answer>) =>
    Effect.map(Rehearsal.run(asking("ask"), {}, { answers }), retries)
  const bad = Answer.fails("")
  const there = (...replies: readonly [Answer.Reply, ...ReadonlyArray<Answer.Reply>]) =>
    Answer.when({ on: "web*", command: "ask" }, ...replies)
  const path = (name: string) => `ask/servers[${name}]/there`

  it.effect("each machine counts for itself, and the last one stays", () =>
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

  it.effect("for some times, or for one", () =>
    Effect.gen(function* () {
      const web1 = Answer.when({ on: "web1", command: "ask" }, bad)
      expect(yield* ask(Answer.times(2, web1))).toEqual([`${path("web1")} 1`, `${path("web1")} 2`])
      expect(yield* ask(Answer.nth(1, web1))).toEqual([`${path("web1")} 1`])
      expect(yield* ask(Answer.nth(2, web1))).toEqual([])
      expect(yield* ask(Answer.times(1, Answer.unreachable("web2")))).toEqual([`${path("web2")} 1`])
    })
  )

  it.effect("the first that fits counts", () =>
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
  it.effect("tells what was held, and releases it in reverse, also where it is interrupted", () =>
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

  it.effect("tells what was undone", () =>
    Effect.gen(function* () {
      const done = Step.make("done", () => Effect.void).pipe(Step.undo(() => Effect.void))
      const broken = Step.make("broken", () => Effect.fail("broken"))
      const pipeline = Pipeline.make("p").pipe(Pipeline.step(done), Pipeline.step(broken))
      expect((yield* Rehearsal.run(pipeline, {})).undone).toEqual(["p/done"])
    })
  )

  it.effect("tells what a step logs as an event, and prints nothing", () =>
    Effect.gen(function* () {
      const says = Step.make("says", () => Effect.logWarning("two", { words: 2 }))
      const run = yield* Rehearsal.run(Pipeline.make("p").pipe(Pipeline.step(says)), {})
      const noted = run.events.filter(({ _tag }) => _tag === "StepNoted")
      expect(noted).toMatchObject([{ path: "p/says", level: "warning", text: "two { words: 2 }" }])
      expect([...(yield* TestConsole.logLines), ...(yield* TestConsole.errorLines)]).toEqual([])
    })
  )

  it.effect("counts time exactly, whatever is done between two waits", () =>
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

  it.live("waits for what is real, and ends with a defect where that does not come", () =>
    Effect.gen(function* () {
      const real = Step.make("real", () => Effect.promise(() => Bun.sleep(20)))
      const never = Step.make("never", () => Effect.never)
      expect(Exit.isSuccess((yield* Rehearsal.run(Pipeline.make("p").pipe(Pipeline.step(real)), {})).exit)).toBe(true)
      const exit = yield* Effect.exit(Rehearsal.run(Pipeline.make("p").pipe(Pipeline.step(never)), {}))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({
        message: expect.stringMatching(
          /^The rehearsal did not end: after \d+s of real time, p\/never waits for something that is real, or .* `interrupt`\.$/
        )
      })
    })
  )

  it.live("says which step waits for which command, where that is never answered", () =>
    Effect.gen(function* () {
      const script = { answers: [Answer.when({ on: "web1", command: "ask" }, Answer.hangs)] }
      const exit = yield* Effect.exit(Rehearsal.run(asking("ask"), {}, script))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({
        message: expect.stringContaining('time, ask/servers[web1]/there waits for "ask" on web1. To see')
      })
    })
  )

  test("of mistaken answers throws where they are written, with what to write", () => {
    const build = Answer.when("docker build", Answer.usual)
    expect(() => Answer.nth(0, build)).toThrow("Answer.nth is given 0: write which time, 1 for the first.")
    expect(() => Answer.times(-1, build)).toThrow("Answer.times is given -1: write how many times, 1 or more.")
    expect(() => Answer.when({ on: "", command: "x" }, Answer.usual)).toThrow("Answer.when names no machine: write")
    expect(() => Answer.when("", Answer.usual)).toThrow("Answer.when names no command: write")
    expect(() => Answer.unreachable("")).toThrow("names no machine: write")
    // What a test that no compiler has looked at may say.
    expect(() => Answer.slow("soon" as "1 second")).toThrow('Answer.slow is given "soon": write a time such as')
    for (const answer of [Answer.unreachable("web7"), Answer.times(1, Answer.tunnelLost("web7"))]) {
      expect(() => deploying(answer)).toThrow(/^No machine is called "web7" \(.*\); there are local, web1 and web2\.$/)
    }
  })

  test("takes its project from text as from a file, and throws what is wrong with it", () => {
    const text = "project: shop\nservers: { web1: { host: 203.0.113.10 } }\nservices: { web: { hosts: [web1] } }\n"
    expect(() => Rehearsal.project(text)).toThrow(ConfigInvalid)
    expect(() => Rehearsal.project(text)).toThrow("\ndeploy.yml:3 services.web: needs either build")
    const [web1, web2] = project.servers
    expect([web1?.port, web2?.port, project.root]).toEqual([undefined, 2222, "/project"])
  })
})

describe("what was done is compared with what was expected", () => {
  const done = ["# open the SSH connection", "docker pull a", "docker run a", "docker ps"]
  const compare = (...expected: ReadonlyArray<string | RegExp>) => difference({ web1: expected }, () => done, false)

  test("by the words that it begins with, with * for any text, or by regular expressions", () => {
    expect(compare("# open", "docker pull", "docker run *", /^docker ps$/)).toBeUndefined()
    expect(compare("*", "*", "*", "*")).toBeUndefined()
    expect(compare("# op", "docker pull", "docker run", "docker ps")).toContain("- # op\n")
  })

  test("what is missing, what is different and what is too much is shown beside the rest", () => {
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

  test("of machines that were to be left alone, and not of those that are not named", () => {
    expect(difference({ web2: [] }, () => done, false)).toContain("+ docker run a")
    expect(difference({}, () => done, false)).toBeUndefined()
  })

  test("in colours only where they are wanted", () => {
    expect(difference({ web2: [] }, () => ["a"], true)).toBe("  web2:\n    \u001b[32m+ a\u001b[0m")
  })

  it.effect("with how the run ended, and with answers that were not asked for", () =>
    Effect.gen(function* () {
      const run = yield* deploying(Answer.unreachable("web2"), Answer.when("podman", Answer.hangs))
      expect(() => Rehearsal.expect(run, { web1: ["jiji:probe.sh"] })).toThrow(
        [
          "What was done is not what was expected (- expected, + done):",
          "  web1:",
          "    + # open the SSH connection",
          "      jiji:probe.sh docker shop",
          "These answers were never asked for:",
          "  podman",
          "The run failed: web2 (203.0.113.11:2222) cannot be reached: the connection was refused."
        ].join("\n")
      )
      const good = yield* deploying()
      expect(() => Rehearsal.expect(good, { web2: [] })).toThrow(/The run succeeded\.$/)
    })
  )

  it.effect("of no machine that the project does not have", () =>
    Effect.gen(function* () {
      const run = yield* deploying()
      expect(() => Rehearsal.expect(run, { web9: [] })).toThrow(
        'There is no machine "web9"; there are web1, web2 and local.'
      )
    })
  )
})
