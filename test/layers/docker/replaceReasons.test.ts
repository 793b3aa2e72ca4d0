import { describe, expect, test } from "bun:test"
import { Duration, Effect } from "effect"
import { ContainerUnhealthy } from "../../../src/layers/docker/DockerError.ts"
import { replaceResult } from "../../../src/layers/docker/replace/result.ts"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "./FakeEngine.ts"
import { old, replacing, shells } from "./replacing.ts"

const options = { engine: "docker", service: "web", timeout: Duration.seconds(60) } as const
/** The error that the script's output stands for. */
const failed = ({ code = 10, stderr = "", stdout }: Partial<FakeEngine.Ended> & Pick<FakeEngine.Ended, "stdout">) =>
  Effect.flip(replaceResult("web1", options, { stdout, stderr, exitCode: code }))

for (const shell of shells) {
  const { run } = replacing(shell)

  describe(`why a container failed, with ${shell}`, () => {
    it.live("quotes the health check's last output and its settings", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.add("shop-web", "old", old)
        engine.set("states", "running 0 unhealthy\n")
        engine.set("healthcheck", `{"Test":["CMD","check"],"Interval":5000000000,"Retries":2}\n`)
        engine.set("health-output", `"no database\\nat all\\n"\n`)
        const ended = yield* run(engine)
        expect(ended.code).toBe(10)
        const error = yield* failed(ended)
        expect(error).toMatchObject({
          _tag: "ContainerUnhealthy",
          reason: "is unhealthy",
          keepsOld: true,
          timeout: 60,
          check: { output: "no database\nat all", interval: 5, startPeriod: 0, retries: 2 },
          log: "its last line\nand an error"
        })
        expect(error.message).toBe(
          "The new container of web on web1 is unhealthy; the old one keeps running. Its health check reports:\n" +
            "no database\nat all\nLast log lines:\nits last line\nand an error"
        )
      })
    )

    it.live("says the exit code of a container that podman has restarted", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make("podman")
        engine.set("states", "running 1 \n")
        engine.set("events", "4\n3\n")
        const ended = yield* run(engine)
        expect(ended.code).toBe(13)
        expect(ended.stdout).toStartWith("unhealthy crashed with exit code 3 and was restarted\n")
      })
    )

    it.live("does not say that something keeps running when the first container fails", () =>
      Effect.gen(function* () {
        const engine = yield* FakeEngine.make()
        engine.set("states", "exited 0 \n")
        const error = yield* failed(yield* run(engine))
        expect(error.message).toStartWith(
          "The new container of web on web1 stopped with exit code 7. No container of web runs on web1 now. Last log"
        )
      })
    )
  })
}

describe("a container that cannot start", () => {
  const why = 'exec: "/nope": stat /nope: no such file or directory'
  const outputs = {
    docker: `Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ${why}: unknown\nError: failed to start containers: shop-web-next\n`,
    podman: `Error: unable to start container "8cdc0acc": runc: runc create failed: unable to start container process: ${why}: OCI runtime attempted to invoke a command that was not found\n`
  }
  for (const [engine, stderr] of Object.entries(outputs))
    it.effect(`quotes the reason that ${engine} gives, not the last line`, () =>
      Effect.gen(function* () {
        const error = yield* failed({ stdout: "unstarted\n", stderr })
        expect(error).toMatchObject({ _tag: "ContainerNotStarted", detail: why })
        expect(error.message).toBe(`The new container of web on web1 cannot start: ${why}; the old one keeps running.`)
      })
    )

  it.effect("is another error if a port is taken, or the engine does not answer", () =>
    Effect.gen(function* () {
      const taken = "Error response from daemon: Bind for 0.0.0.0:80 failed: port is already allocated\n"
      expect((yield* failed({ stdout: "unstarted\n", stderr: taken }))._tag).toBe("PortTaken")
      const down = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n"
      expect((yield* failed({ stdout: "unstarted\n", stderr: down }))._tag).toBe("EngineDown")
    })
  )
})

describe("the remedy fits the health check:", () => {
  const remedy = (reason: string, check: { interval?: number; startPeriod?: number; retries?: number }) =>
    new ContainerUnhealthy({
      server: "web1",
      service: "web",
      reason,
      log: "",
      timeout: 60,
      check: { output: "", interval: 30, startPeriod: 0, retries: 3, ...check }
    }).remedy

  test("more time does not help a container that the engine calls unhealthy", () => {
    const text = remedy("is unhealthy", { interval: 5 })
    expect(text).toContain("`--start-period` (now 0 s)")
    expect(text).toContain("after 3 failed checks, one every 5 s")
    expect(text).not.toContain("raise")
  })

  test("the first check comes after the interval", () => {
    expect(remedy("was not healthy after 60 s", { interval: 90 })).toBe(
      "The first health check runs after the interval of 90 s, but jiji waits 60 s. Shorten the `--interval` of the HEALTHCHECK, or raise the service's `health.timeout` above 90 s."
    )
  })

  test("the checks together take longer than jiji waits", () => {
    const text = remedy("was not healthy after 60 s", { interval: 20, startPeriod: 40 })
    expect(text).toContain("`health.timeout` (now 60 s): the HEALTHCHECK allows 100 s")
  })

  test("a container that stopped needs no more time", () => {
    expect(remedy("stopped with exit code 1", {})).toBe("Fix the error shown above.")
  })
})
