import { describe, expect } from "bun:test"
import { Cause, Effect, Exit, Stream } from "effect"
import type { Service } from "../../src/config/Project.ts"
import { isFailure } from "../../src/core/Failure.ts"
import { configurationOf } from "../../src/steps/configuration.ts"
import { exec } from "../../src/steps/ExecPipeline.ts"
import { serverExec } from "../../src/steps/ServerExecPipeline.ts"
import * as Answer from "../../src/testing/Answer.ts"
import * as Rehearsal from "../../src/testing/Rehearsal.ts"
import { it } from "../support/effect.ts"
import { type Override, project, server, service, succeeded } from "./rehearsal.ts"

const web = service("web", ["web1", "web2"], {
  replicas: 2,
  volumes: ["shop_data:/data"],
  command: ["bin/serve"],
  environment: { clear: { LOG: "info" }, secrets: ["TOKEN"] },
  settings: { entrypoint: ["/entry", "--first"], labels: { "traefik.enable": "true" }, memory: "1g" }
})
const shop = project({ servers: [server("web1"), server("web2")], services: [web] })

/** The container of a replica, as the engine describes it. */
const container = (name: string, running: boolean) => ({
  Id: name.replaceAll(/\W/g, "").padEnd(64, "0"),
  Name: `/${name}`,
  Image: `sha256:${"1".repeat(64)}`,
  State: { Status: running ? "running" : "exited", Running: running },
  Config: { Labels: { "jiji.project": "shop", "jiji.service": "web" } }
})

const probed = (...containers: ReadonlyArray<ReturnType<typeof container>>) =>
  succeeded(`docker 20.10.24 amd64\n${JSON.stringify(containers)}`)

interface Options {
  readonly fresh?: boolean
  readonly replica?: number
  readonly containers?: ReadonlyArray<ReturnType<typeof container>>
  readonly override?: Override
  readonly of?: Service
}

/** Runs `exec` with `ls -l` in a rehearsal. Returns what it ran, and what was written. */
const rehearse = Effect.fnUntraced(function* ({
  fresh = false,
  of = web,
  override = () => undefined,
  ...rest
}: Options = {}) {
  const { containers = [container("shop-web", true), container("shop-web-2", true)], replica } = rest
  const written: Array<string> = []
  const write = (name: string) => (bytes: Uint8Array) =>
    Effect.sync(() => void written.push(`${name}: ${Buffer.from(bytes).toString()}`))
  const input = {
    project: { ...shop, servers: shop.servers.slice(0, 1) },
    service: of,
    fresh,
    command: ["ls", "-l"] as const,
    session: () => ({ stdin: Stream.empty, stdout: write("out"), stderr: write("err") }),
    ...(replica !== undefined && { replica })
  }
  const answers = [
    Answer.from(
      (machine, command) =>
        override(machine, command) ?? (command.script === "probe" ? probed(...containers) : undefined)
    )
  ]
  const { entries, exit } = yield* Rehearsal.run(exec, input, { answers, secrets: { TOKEN: "s3cr3t" } })
  const commands = entries.flatMap((entry) => (entry._tag === "Command" ? [entry.command] : []))
  return {
    exit,
    written,
    ran: commands
      .filter(({ script }) => script === undefined)
      .map(({ words }) => words.join(" ").replace(/JIJI_EXEC=\S+/, "JIJI_EXEC=TAG")),
    guard: commands.find(({ script }) => script === "exec"),
    failure: Exit.isFailure(exit)
      ? exit.cause.reasons.filter(Cause.isFailReason).map(({ error }) => error)[0]
      : undefined
  }
})

const prefix = "docker exec --interactive --detach-keys ctrl-^,ctrl-_,ctrl-@ --env JIJI_EXEC=TAG"

describe("jiji exec", () => {
  it.effect("runs in the first container that runs, or in the replica that is named", () =>
    Effect.gen(function* () {
      expect((yield* rehearse()).ran).toEqual([`${prefix} ${"shopweb".padEnd(64, "0")} ls -l`])
      expect((yield* rehearse({ replica: 2 })).ran).toEqual([`${prefix} ${"shopweb2".padEnd(64, "0")} ls -l`])
      const first = { containers: [container("shop-web", false), container("shop-web-2", true)] }
      expect((yield* rehearse(first)).ran).toEqual([`${prefix} ${"shopweb2".padEnd(64, "0")} ls -l`])
      const copy = { containers: [container("shop-web-copy", true), container("shop-web", true)] }
      expect((yield* rehearse(copy)).ran).toEqual([`${prefix} ${"shopweb".padEnd(64, "0")} ls -l`])
    })
  )

  it.effect("runs nothing in a container that does not run, or is not there", () =>
    Effect.gen(function* () {
      const stopped = yield* rehearse({ containers: [container("shop-web", false)] })
      expect([stopped.ran, stopped.guard]).toEqual([[], undefined])
      expect(stopped.failure).toMatchObject({ _tag: "NoContainer", name: "shop-web", state: "stopped" })
      const named = yield* rehearse({ replica: 2, containers: [container("shop-web", true)] })
      expect(isFailure(named.failure) && named.failure.message).toBe("There is no container shop-web-2 on web1.")
      const none = yield* rehearse({ fresh: true, containers: [] })
      expect([none.ran, none.guard]).toEqual([[], undefined])
      expect(isFailure(none.failure) && none.failure.message).toBe("There is no container shop-web on web1.")
    })
  )

  it.effect("creates a new container of the same image, which is not one of the service's, for --new", () =>
    Effect.gen(function* () {
      const { guard, ran, written } = yield* rehearse({ fresh: true, containers: [container("shop-web", false)] })
      const [made = []] = guard?.byHand ?? []
      expect(made.join(" ").replace(/exec-[0-9a-f]{8}/, "exec-ID")).toBe(
        `docker create --rm --name shop-web-exec-ID --network jiji-shop --pull never --label jiji.exec=shop/web --volume shop_data:/data --env LOG=info --env TOKEN --rm --no-healthcheck --interactive --memory 1g --entrypoint /entry sha256:${"1".repeat(64)} --first ls -l`
      )
      expect(guard?.words.join(" ")).not.toContain("s3cr3t")
      expect(Object.keys(guard?.env ?? {})).toEqual(["JIJI_NAMES", "JIJI_SECRET_0"])
      expect(ran).toHaveLength(1)
      expect(ran[0]).toStartWith("docker start --attach --interactive --detach-keys ")
      expect(written).toEqual([])
    })
  )

  it.effect("returns the exit code of the command, and passes its output on", () =>
    Effect.gen(function* () {
      const { exit, written } = yield* rehearse({
        override: (_, { words }) => (words[1] === "exec" ? { stdout: "a\n", stderr: "b\n", exitCode: 3 } : undefined)
      })
      expect(Exit.isSuccess(exit) && exit.value.all).toEqual([{ server: "web1", code: 3 }])
      expect(written.toSorted()).toEqual(["err: b\n", "out: a\n"])
    })
  )

  const messages: ReadonlyArray<readonly [text: string, code: number, error: string, exitCode: number]> = [
    [
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "ls": executable file not found in $PATH: unknown\n',
      126,
      "There is no program ls in shop-web on web1.",
      127
    ],
    [
      "Error: crun: executable file `ls` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found\n",
      127,
      "There is no program ls in shop-web on web1.",
      127
    ],
    [
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "ls": permission denied: unknown\n',
      126,
      "ls in shop-web on web1 cannot be executed.",
      126
    ],
    [
      "Error response from daemon: Container 1f3c is not running\n",
      1,
      "docker cannot run the command in shop-web on web1: Container 1f3c is not running",
      1
    ]
  ]
  for (const [text, code, error, exitCode] of messages)
    it.effect(`says in one sentence: ${error}`, () =>
      Effect.gen(function* () {
        const { failure, written } = yield* rehearse({
          override: (_, { words }) => (words[1] === "exec" ? { stdout: "", stderr: text, exitCode: code } : undefined)
        })
        expect(failure).toMatchObject({ message: error, exitCode })
        expect(written).toEqual([])
      })
    )

  it.effect("takes no output of a command for a message of the engine", () =>
    Effect.gen(function* () {
      for (const [stdout, exitCode] of [
        ["Error response from daemon: mine\n", 0],
        ["Err", 5],
        ["hello\nOCI runtime exec failed: not found\n", 127]
      ] as const) {
        const { exit, written } = yield* rehearse({
          override: (_, { words }) => (words[1] === "exec" ? { stdout, stderr: "", exitCode } : undefined)
        })
        expect(written).toEqual([`out: ${stdout}`])
        expect(Exit.isSuccess(exit) && exit.value.all).toEqual([{ server: "web1", code: exitCode }])
      }
    })
  )

  it.effect("reports why a new container cannot be created", () =>
    Effect.gen(function* () {
      const { failure, ran } = yield* rehearse({
        fresh: true,
        override: (_, { script }) =>
          script === "exec" ? { stdout: "", stderr: "Error: no space left on device\n", exitCode: 125 } : undefined
      })
      expect(failure).toMatchObject({ _tag: "DiskFull" })
      expect(ran).toEqual([])
    })
  )
})

describe("jiji server exec", () => {
  it.effect("runs the words as they are on each server", () =>
    Effect.gen(function* () {
      const session = () => ({ stdin: Stream.empty, stdout: () => Effect.void, stderr: () => Effect.void })
      const input = { project: shop, command: ["echo", "a b", "$HOME"] as const, session }
      const { entries, exit } = yield* Rehearsal.run(serverExec, input)
      const ran = entries.flatMap((entry) =>
        entry._tag === "Command" && entry.command.script === undefined ? [entry.command.words] : []
      )
      expect(ran).toEqual([input.command, input.command])
      expect(Exit.isSuccess(exit) && exit.value.all).toEqual([
        { server: "web1", code: 0 },
        { server: "web2", code: 0 }
      ])
    })
  )
})

describe("the console command of a service", () => {
  it.effect("is no part of its container's configuration", () =>
    Effect.sync(() => {
      const secrets = new Map()
      expect(configurationOf({ ...web, console: ["bin/console"] }, secrets)).toEqual(configurationOf(web, secrets))
    })
  )
})
