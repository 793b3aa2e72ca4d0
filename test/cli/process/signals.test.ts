import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { Effect, Schema } from "effect"
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Event } from "../../../src/core/Event.ts"
import * as fixtures from "../../layers/registry/fixtures.ts"
import { isAlive, pidsIn } from "../../support/processes.ts"
import { program } from "../../support/program.ts"
import { interruptUntilExit, until } from "../../support/waiting.ts"
import { compileFirst, project } from "../project.ts"

setDefaultTimeout(60_000)
compileFirst()

const deployFile = `
project: shop
servers: { web1: { host: 203.0.113.10 } }
services:
  web: { build: {}, hosts: [web1], environment: { secrets: [TOKEN] }, health: { running_for: 60s } }
`

/** A program that blocks if \`block\` has a file named like its operation, and writes its process ID to \`blocked\`. */
const blocking = (name: string, rest: string) => `#!/bin/sh
here=\${0%/*}
if [ -e "$here/block/${name}" ]; then
  echo $$ >"$here/blocked.new" && mv "$here/blocked.new" "$here/blocked"
  [ "$1" = start ] || exec sleep 100
fi
${rest}
`

const engine = `case $1 in
  build) ;;
  save) exec cat "$here/image.tar" ;;
  image) case $2 in inspect) exec cat "$here/image.json" ;; *) exec "$here/engine/docker" "$@" ;; esac ;;
  *) exec "$here/engine/docker" "$@" ;;
esac`

const shop = project({ ".jiji/deploy.yml": deployFile, ".env": "TOKEN=$(token)\n", Dockerfile: "FROM scratch\n" })
const bin = join(shop.root, "bin")
const file = (name: string) => join(bin, name)
const env = { ...shop.env, PATH: `${bin}:${shop.env.PATH}` }
const start = (...args: ReadonlyArray<string>) =>
  Bun.spawn([program, ...args], { cwd: shop.root, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" })

let sandbox: ReturnType<typeof start>

beforeAll(async () => {
  for (const folder of ["block", "engine/state/containers", "engine/state/block", "engine/state/fail"]) {
    mkdirSync(file(folder), { recursive: true })
  }
  copyFileSync(join(import.meta.dir, "../../layers/docker/fake-engine.sh"), file("engine/docker"))
  const states = {
    image: "sha256:new\n",
    states: "running 0 \n",
    version: "26.1.3\n",
    images: "",
    count: "0\n",
    log: ""
  }
  for (const [name, text] of Object.entries(states)) writeFileSync(file(`engine/state/${name}`), text)
  writeFileSync(file("docker"), blocking("$1", engine), { mode: 0o755 })
  writeFileSync(file("token"), blocking("token", "echo t0ken-of-the-shop"), { mode: 0o755 })
  const image = fixtures.image([await Effect.runPromise(fixtures.layer(1000))])
  writeFileSync(file("engine/state/image"), `${image.id}\n`)
  writeFileSync(file("image.tar"), await Effect.runPromise(fixtures.tar(fixtures.docker25(image))))
  const architecture = process.arch === "x64" ? "amd64" : process.arch
  writeFileSync(
    file("image.json"),
    JSON.stringify([{ Id: image.id, Architecture: architecture, Size: 1, RepoDigests: null }])
  )
  sandbox = start("sandbox")
  await until(() => existsSync(join(shop.root, ".jiji/deploy.sandbox.yml")))
})
afterAll(async () => {
  sandbox.kill()
  await sandbox.exited
  shop[Symbol.dispose]()
})

/** Deploys to the sandbox until an operation blocks; without one, until a server that does not answer is connected to. */
const deploying = async (operation: string | undefined) => {
  rmSync(file("blocked"), { force: true })
  if (operation === undefined) sandbox.kill("SIGSTOP")
  else writeFileSync(file(`block/${operation}`), "")
  const run = start("deploy", "-e", "sandbox", "--json")
  let stdout = ""
  const reading = (async () => {
    for await (const bytes of run.stdout) stdout += Buffer.from(bytes).toString()
  })()
  const connecting = /"StepStarted"[^\n]*\[sandbox\]\/connect"/
  await until(() => (operation === undefined ? connecting.test(stdout) : existsSync(file("blocked"))))
  const blocked = operation === undefined ? undefined : Number(readFileSync(file("blocked"), "utf8"))
  const ended = async () => {
    const [code, stderr] = await Promise.all([run.exited, run.stderr.text(), reading])
    if (operation === undefined) sandbox.kill("SIGCONT")
    else rmSync(file(`block/${operation}`))
    return { code, stderr, stdout }
  }
  return { run, blocked, ended }
}

/** Printed at the first signal. */
const acknowledgement = "interrupted: stopping\n"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Event))

test.each<[moment: string, operation: string | undefined, signals: ReadonlyArray<NodeJS.Signals>]>([
  ["a secret's command runs", "token", ["SIGHUP"]],
  ["a server does not answer", undefined, ["SIGINT", "SIGTERM", "SIGHUP"]],
  ["an image is being built", "build", ["SIGINT", "SIGTERM", "SIGHUP"]],
  ["an image is being imported", "save", ["SIGTERM"]],
  ["a server is being probed", "ps", ["SIGINT"]],
  ["a server pulls", "pull", ["SIGINT", "SIGTERM", "SIGHUP"]],
  ["a container is becoming healthy", "start", ["SIGINT", "SIGTERM", "SIGHUP"]]
])("a signal while %s stops a deploy and releases everything in reverse order", async (_, operation, signals) => {
  for (const signal of signals) {
    const { blocked, ended, run } = await deploying(operation)
    run.kill(signal)
    const { code, stderr, stdout } = await ended()
    expect([signal, code, stderr]).toEqual([signal, 130, `${acknowledgement}interrupted\n`])
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => decode(line))
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1))
    expect(events.at(-1)?._tag).toBe("RunInterrupted")
    const acquired = events.flatMap((event) => (event._tag === "ResourceAcquired" ? [event.resource] : []))
    const released = events.flatMap((event) => (event._tag === "ResourceReleased" ? [event] : []))
    expect(released.map(({ resource }) => resource)).toEqual(acquired.toReversed())
    expect(released.every(({ clean }) => clean)).toBe(true)
    if (operation === "pull" || operation === "start") {
      expect(acquired).toEqual(["connection to sandbox", "local registry", "reverse forward from sandbox"])
    }
    const begun = events.flatMap(({ _tag, path }) => (_tag === "StepStarted" ? [path] : []))
    const ends = events.flatMap(({ _tag, path }) =>
      /^Step(Succeeded|Skipped|Failed|Interrupted)$/.test(_tag) ? [path] : []
    )
    expect(ends.toSorted()).toEqual(begun.toSorted())
    // Nothing is left behind, neither here nor on the server.
    if (blocked !== undefined) await until(() => !isAlive(blocked))
    await until(() => readdirSync(file("engine/state/containers")).length === 0)
  }
})

test("a second signal exits immediately and lists what was left behind", async () => {
  const { ended, run } = await deploying("pull")
  // Without an answer of the server, nothing can be released.
  sandbox.kill("SIGSTOP")
  await interruptUntilExit(() => run.kill("SIGINT"), run.exited)
  sandbox.kill("SIGCONT")
  const { code, stderr } = await ended()
  expect(code).toBe(130)
  expect(stderr).toBe(
    `${acknowledgement}\nexited immediately\nleft behind:\n` +
      "  reverse forward from sandbox\n  local registry\n  connection to sandbox\n" +
      "  → Commands may have stopped halfway. If this was a deploy, run it again: it cleans up.\n"
  )
})

test("a second signal kills a hook that ignores signals, and its child processes", async () => {
  writeFileSync(
    file("ignoring"),
    `#!/bin/sh\ntrap '' TERM\nsleep 100 &\necho "$$ $!" >"$1/ignoring.pids"\nwait; wait\n`,
    { mode: 0o755 }
  )
  const hooks = `hooks: { ignoring: { on: [run.started], required: true, command: [${file("ignoring")}, ${bin}] } }\n`
  writeFileSync(join(shop.root, ".jiji/deploy.yml"), `${deployFile}${hooks}`)
  const run = start("deploy", "-e", "sandbox")
  const pids = await pidsIn(file("ignoring.pids"))
  expect(pids.map(isAlive)).toEqual([true, true])
  await interruptUntilExit(() => run.kill("SIGINT"), run.exited)
  expect([await run.exited, await run.stderr.text()]).toEqual([
    130,
    `${acknowledgement}\nexited immediately; nothing was left behind\n`
  ])
  await until(() => !pids.some(isAlive))
})

test("the next deploy succeeds", async () => {
  writeFileSync(join(shop.root, ".jiji/deploy.yml"), deployFile.replace("60s", "0s"))
  const run = start("deploy", "-e", "sandbox")
  expect([await run.exited, await run.stderr.text()]).toEqual([0, ""])
  const kept = /^shop-web\.[0-9a-f]{12}$/
  const containers = readdirSync(file("engine/state/containers")).filter((name) => !kept.test(name))
  expect(containers).toEqual(["shop-web"])
})
