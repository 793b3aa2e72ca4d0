import { describe, expect } from "bun:test"
import { Cause, Duration, Effect, Exit, Fiber, Scope } from "effect"
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { remote } from "../../../src/layers/shell/Machine.ts"
import { it } from "../../support/effect.ts"
import { isAlive, pidsIn } from "../../support/processes.ts"
import { untilEffect } from "../../support/waiting.ts"
import { makeLiveShell } from "../liveShell.ts"
import { builtIn, serverOf } from "../ssh/fixture.ts"
import * as Sshd from "../ssh/Sshd.ts"
import { machines, runningOn, sh } from "./machines.ts"

/** The processes that have a text in their environment, with their command lines. */
const withEnvironment = (text: string): ReadonlyArray<string> =>
  readdirSync("/proc").flatMap((name) => {
    try {
      if (!/^\d+$/.test(name) || !readFileSync(`/proc/${name}/environ`, "utf8").includes(text)) return []
      return isAlive(Number(name)) ? [`${name} ${readFileSync(`/proc/${name}/cmdline`, "utf8")}`] : []
    } catch {
      // It has exited in the meantime.
      return []
    }
  })

/** Does the same on all machines at once, because most of it is waiting. Names the machine where it failed. */
const onAll = <A, M>(
  all: ReadonlyArray<readonly [name: string, machine: M]>,
  body: (machine: M) => Effect.Effect<A, unknown, Scope.Scope>
) =>
  Effect.forEach(
    all,
    ([name, machine]) =>
      Effect.scoped(body(machine)).pipe(
        Effect.catchCause((cause) => Effect.die(new Error(`${name}: ${Cause.pretty(cause)}`)))
      ),
    { concurrency: "unbounded" }
  )

describe("a command that is stopped, on any machine,", () => {
  it.live("leaves no process behind that has lost the first signal", () =>
    onAll(
      machines,
      Effect.fnUntraced(function* (make) {
        const { home, run } = yield* runningOn(make)
        const pids = join(home, "pids")
        const child = `trap 'trap - TERM' TERM; echo $$ > ${pids}; while :; do sleep 0.1; done`
        const fiber = yield* Effect.forkChild(
          run(sh(`trap 'exit 1' TERM; sh -c "$CHILD" & wait`, { env: { CHILD: child } }))
        )
        const all = yield* Effect.promise(() => pidsIn(pids))
        yield* Fiber.interrupt(fiber)
        yield* untilEffect(() => !all.some(isAlive))
      })
    )
  )

  it.live("leaves no process behind that ignores signals", () =>
    onAll(
      machines,
      Effect.fnUntraced(function* (make) {
        const { home, run } = yield* runningOn(make)
        const pids = join(home, "pids")
        const child = `trap '' TERM; echo $$ > ${pids}; while :; do sleep 0.1; done`
        const fiber = yield* Effect.forkChild(run(sh(`sh -c "$CHILD" & wait`, { env: { CHILD: child } })))
        const all = yield* Effect.promise(() => pidsIn(pids))
        yield* Fiber.interrupt(fiber)
        yield* untilEffect(() => !all.some(isAlive))
      })
    )
  )
})

/** Servers, and how they end: the built-in server kills what it has started. */
const servers = [
  ["a server with sshd", Effect.map(Sshd.make(), (sshd) => ({ machine: remote(serverOf(sshd)), close: Effect.void }))],
  [
    "the built-in server",
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { server } = yield* builtIn().pipe(Scope.provide(scope))
      return { machine: remote(server), close: Scope.close(scope, Exit.void) }
    })
  ]
] as const

/** The lines of the shell script that watches the connection. It comes to the last ones only when it stops its command. */
const lines = { all: 10, beforeStop: 8 }

/** The call of `setsid`, or the line of the watching shell, before which it waits. */
type Point = { readonly call: number } | { readonly line: number }

const points: ReadonlyArray<readonly [string, Point]> = [
  ["before the watching shell has a session of its own", { call: 1 }],
  ["before the command has a session of its own", { call: 2 }],
  ...Array.from({ length: lines.all }, (_, index): readonly [string, Point] => [
    `at line ${index + 1} of the watching shell`,
    { line: index + 1 }
  ])
]

/** Makes programs for a server's PATH that wait at a point: they create the file `at`, and wait for `go`. */
const pauseAt = (dir: string, point: Point) => {
  // It also ends if a failed test has removed the folder.
  const wait = `: >${dir}/at; until [ -e ${dir}/go ] || [ ! -d ${dir} ]; do sleep 0.02; done`
  const program = (name: string, ...text: ReadonlyArray<string>) =>
    writeFileSync(join(dir, "bin", name), ["#!/bin/sh", ...text, ""].join("\n"), { mode: 0o755 })
  mkdirSync(join(dir, "bin"))
  if ("call" in point)
    return program(
      "setsid",
      `echo >>${dir}/calls`,
      `[ "$(wc -l <${dir}/calls)" != ${point.call} ] || { ${wait}; }`,
      `exec ${Bun.which("setsid")} "$@"`
    )
  return program(
    "sh",
    "case $2 in *'while read -r _'*)",
    "  text=$2; shift 2",
    `  printf '%s\\n' "$text" | wc -l >${dir}/lines`,
    `  set -- -c "$(printf '%s\\n' "$text" | sed '${point.line}i ${wait}')" "$@" ;;`,
    "esac",
    'exec /bin/sh "$@"'
  )
}

/** Stops a command while the script that starts it waits at a point. Returns the processes that are left. */
const stopAt = (make: (typeof servers)[number][1], point: Point) =>
  Effect.gen(function* () {
    const { home, shell } = yield* makeLiveShell(Duration.millis(50))
    const { close, machine } = yield* make
    pauseAt(home, point)
    const has = (file: string) => untilEffect(() => existsSync(join(home, file)))
    const command = sh(`echo >${home}/runs; sleep 300 & wait`, {
      env: { PATH: `${home}/bin:${process.env["PATH"]}` },
      stdin: "x".repeat(200_000)
    })
    const fiber = yield* Effect.forkChild(Effect.exit(shell.run(machine, command)))
    yield* has("line" in point && point.line > lines.beforeStop ? "runs" : "at")
    expect(withEnvironment(home)).not.toEqual([])
    yield* Fiber.interrupt(fiber)
    yield* has("at")
    yield* close
    writeFileSync(join(home, "go"), "")
    if ("line" in point) expect(Number(readFileSync(join(home, "lines"), "utf8"))).toBe(lines.all)
    return yield* untilEffect(
      () => withEnvironment(home),
      (left) => left.length === 0
    )
  })

for (const [name, make] of servers)
  it.live(`a command on ${name} leaves no process behind when it is stopped at any point of its start`, () =>
    onAll(points, (point) => stopAt(make, point))
  )
