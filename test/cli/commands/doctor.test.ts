import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { program, shortRun } from "../../support/program.ts"
import { compileFirst } from "../project.ts"

compileFirst()

const deployFile = `project: shop
servers:
  web1: { host: 203.0.113.10, user: deploy, arch: arm64 }
services:
  web: { build: { context: . }, hosts: [web1] }
`

/** Runs `jiji doctor` in a project of this deploy file, with a home of its own. */
const doctor = (text: string, ...args: ReadonlyArray<string>) => {
  const root = mkdtempSync(join(tmpdir(), "jiji-doctor-"))
  mkdirSync(join(root, ".jiji"))
  mkdirSync(join(root, "home"))
  writeFileSync(join(root, ".jiji/deploy.yml"), text)
  const { exitCode, stderr, stdout } = Bun.spawnSync([program, "doctor", ...args], {
    cwd: root,
    env: { PATH: "/usr/bin:/bin", HOME: join(root, "home"), ...shortRun },
    stdin: "ignore"
  })
  const left = readdirSync(join(root, "home"))
  rmSync(root, { recursive: true })
  return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString(), left }
}

test("a dry run prints what doctor runs on every machine, and runs nothing", () => {
  const { code, left, stderr, stdout } = doctor(deployFile, "--dry-run")
  expect({ code, stderr, left }).toEqual({ code: 0, stderr: "", left: [] })
  expect(stdout.replace(/word=\w+/, "word=WORD")).toBe(`Dry run: check this machine and the servers of shop.
Nothing is checked and no connection is made.

on this machine:
   1  jiji:look.sh engine=docker only=yes
   2  # serve the local registry, read-only, on 127.0.0.1:9270
   3  jiji:build.sh engine=docker platform=linux/arm64 word=WORD

on web1 (deploy@203.0.113.10):
   4  # open the SSH connection
   5  jiji:look.sh engine=docker
   6  docker ps --all --filter 'label=jiji.project=shop'
   7  # forward 127.0.0.1:9270 to the local registry on this machine
   8  jiji:tunnel.sh engine=docker port=9270

jiji does the same as these commands, through the engine's API where it can.
jiji:NAME.sh is one of jiji's own scripts; \`jiji script NAME\` prints it.
`)
})

test("reports an invalid deploy.yml as a failed check, also as JSON", () => {
  const { code, stderr, stdout } = doctor("project: Shop!\nnope: 1\n", "--json")
  expect(code).toBe(1)
  const { machines, ok } = JSON.parse(stdout)
  expect(ok).toBe(false)
  expect(machines).toHaveLength(1)
  expect(machines[0].checks[0]).toMatchObject({ name: "config", status: "failed" })
  expect(machines[0].checks[0].text).toContain(".jiji/deploy.yml:2 nope:")
  expect(stderr).toContain("error: 1 of ")
})

test("--json and --dry-run print the events of the checks", () => {
  const { code, stdout } = doctor(deployFile, "--json", "--dry-run")
  const events = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
  expect([code, events[0], events.at(-1)]).toMatchObject([
    0,
    { _tag: "RunStarted", dryRun: true },
    { _tag: "RunSucceeded" }
  ])
  expect(events.some(({ _tag, machine }) => _tag === "CommandPlanned" && machine === "web1")).toBe(true)
})

test("fails on an unknown server with a usage error, and prints a report only as JSON", () => {
  const { code, stderr, stdout } = doctor(deployFile, "-H", "web9", "--json")
  expect([code, JSON.parse(stdout).ok]).toEqual([2, false])
  expect(stderr).toContain('No server matches "web9"')
  expect(doctor(deployFile, "-H", "web9")).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining('No server matches "web9"')
  })
})
