import { beforeEach, expect, test } from "bun:test"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { until } from "../support/waiting.ts"
import { done } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman" })

beforeEach(async () => {
  for (const server of hosts.servers) await server.run(["sh", "-c", "rm -f /var/tmp/jiji.*"])
})

interface Operator {
  jiji(args: ReadonlyArray<string>): ReturnType<TestProject["jiji"]>
  start(args: ReadonlyArray<string>): ReturnType<TestProject["start"]>
}

/** A person with a home and a checkout of the project. `servers` are those in this person's deploy.yml. */
const operator = (name: string, servers: ReadonlyArray<string>, user = "root"): Operator => {
  const home = join(hosts.folder, "homes", name)
  mkdirSync(home, { recursive: true })
  const project = writeProject(hosts, {
    name: `of-${name}`,
    image: { page: name },
    config: {
      project: "shop",
      ssh: { user },
      services: { web: { ports: [], hosts: servers, health: { running_for: "0s" } } }
    }
  })
  const env = { HOME: home, USER: name, XDG_DATA_HOME: join(home, "data"), XDG_STATE_HOME: join(home, "state") }
  return { jiji: (args) => project.jiji(args, { env }), start: (args) => project.start(args, { env }) }
}

/** The entries of the audit, the oldest first, without what differs from run to run. */
const auditOf = async ({ jiji }: Operator) =>
  done(await jiji(["audit", "--json"]))
    .stdout.trim()
    .split("\n")
    .map((line) => {
      const { command, message, outcome, servers, user } = JSON.parse(line)
      const names = servers.map((server: { readonly name: string }) => server.name).join(" ")
      return [user, command, outcome, names, ...(message === undefined ? [] : [message])].join(", ")
    })
    .toReversed()

/** The processes that hold a lock on a server. */
const holders = (name: string) =>
  hosts
    .server(name)
    .processes()
    .filter(({ words }) => words.some((word) => word.startsWith("lease=")) && words[0] === "sh")

test("refuses a lock without a message, and one that does not end", async () => {
  const ann = operator("ann", ["h1", "h2"])
  expect((await ann.jiji(["lock"])).stderr).toContain("A lock needs a message")
  for (const bad of ["0", "0s", "forever", "31d", "-5m"]) {
    const refused = await ann.jiji(["lock", "--message", "x", `--for=${bad}`])
    expect(refused.code).toBe(2)
    expect(refused.stderr).toContain("a duration from 1s to 30d")
  }
})

test("keeps others out while the project is locked, whatever servers they have", async () => {
  const ann = operator("ann", ["h1", "h2"])
  const bob = operator("bob", ["h2"])
  done(await ann.jiji(["deploy"]))

  const locked = done(await ann.jiji(["lock", "--message", "moving \u001b[31mthe database", "--for", "2h"]))
  expect(locked.stdout).toContain("locked shop on h1 and h2 until ")

  for (const command of [["deploy"], ["remove", "web", "--yes"], ["lock", "-m", "mine"]]) {
    const refused = await bob.jiji(command)
    expect(refused.code).toBe(1)
    const sentence = /ann on \S+ has locked shop on h2 since .* UTC until .* UTC: moving the database\./
    expect(refused.stdout + refused.stderr).toMatch(sentence)
    expect(refused.stdout + refused.stderr).toContain("Wait for it with `--wait 10m`")
    expect(refused.stdout + refused.stderr).toContain("`jiji unlock --force`")
  }
  // Also the owner, who may have forgotten it.
  const own = await ann.jiji(["deploy"])
  expect(own.code).toBe(1)
  expect(own.stdout + own.stderr).toContain("This is your own lock. End it with `jiji unlock`.")

  const waited = await bob.jiji(["deploy", "--wait", "1s"])
  expect(waited.code).toBe(1)
  expect(waited.stdout).toContain("waiting: ann on ")
  const notOwn = await bob.jiji(["unlock"])
  expect(notOwn.code).toBe(1)
  expect(notOwn.stdout + notOwn.stderr).toContain("or end the lock anyway with `jiji unlock --force`")

  // Bob's list has h2 only, so h1 stays locked.
  expect(done(await bob.jiji(["unlock", "--force"])).stdout).toContain("unlocked shop on h2")
  done(await bob.jiji(["deploy"]))
  const partly = await ann.jiji(["deploy"])
  expect(partly.code).toBe(1)
  expect(partly.stdout + partly.stderr).toContain("has locked shop on h1 since")
  // The lock on h2 was given back.
  await until(() => holders("h2").length === 0)
  expect(done(await ann.jiji(["unlock"])).stdout).toContain("unlocked shop on h1")
  expect(done(await ann.jiji(["unlock"])).stdout).toContain("shop is not locked on h1 and h2")

  // It ends by itself, and a run that waits goes on then.
  done(await ann.jiji(["lock", "--message", "long"]))
  const after = bob.start(["deploy", "--wait", "2m"])
  await after.waitFor(/waiting: ann on \S+ has locked shop on h2 .*: long/)
  done(await ann.jiji(["lock", "--message", "short", "--for", "2s"]))
  // What ann may have changed is read again.
  expect(done(await after.done).stdout.match(/h2 connect: done/g)).toHaveLength(2)

  expect(await auditOf(bob)).toEqual([
    "ann, deploy, succeeded, h2",
    "ann, lock, succeeded, h2, moving the database",
    "bob, unlock, succeeded, h2",
    "bob, deploy, succeeded, h2",
    "ann, lock, succeeded, h2, long",
    "ann, lock, succeeded, h2, short",
    "bob, deploy, succeeded, h2"
  ])
  expect((await auditOf(ann)).slice(0, 3)).toEqual([
    "ann, deploy, succeeded, h1 h2",
    "ann, lock, succeeded, h1 h2, moving the database",
    "bob, unlock, succeeded, h2"
  ])
  const table = done(await ann.jiji(["audit", "-n", "2", "-H", "h1"])).stdout
  expect(table).toContain("WHEN")
  const [, ...rows] = table.trim().split("\n")
  // The newest is first, as `jiji runs` has them.
  expect(rows).toEqual([
    expect.stringMatching(/ ann@\S+ +lock .* short$/),
    expect.stringMatching(/ ann@\S+ +lock .* long$/)
  ])
})

test("holds the lock for as long as a deploy runs, and not when it was killed", async () => {
  const ann = operator("ann", ["h1", "h2"])
  const bob = operator("bob", ["h2", "h1"])
  // A release command that takes its time, like a long migration.
  const project = writeProject(hosts, {
    name: "of-slow",
    image: { page: "slow" },
    config: {
      project: "shop",
      services: {
        web: {
          ports: [],
          hosts: ["h1", "h2"],
          health: { running_for: "0s" },
          release: { command: ["/bin/busybox", "sleep", "600"], timeout: "20m" }
        }
      }
    }
  })
  const slow = project.start(["deploy"], { env: { USER: "carol" } })
  await until(() => holders("h1").length > 0 && holders("h2").length > 0)
  const refused = await bob.jiji(["deploy"])
  expect(refused.code).toBe(1)
  const sentence =
    /carol on \S+ is running deploy of shop on h1 and h2 since .* UTC \(run \S+\); the lock ends with that run\./
  expect(refused.stdout + refused.stderr).toMatch(sentence)
  expect(done(await bob.jiji(["unlock", "--force"])).stdout).toContain("carol on ")
  expect((await auditOf(bob)).at(-1)).toBe("carol, deploy, running, h1 h2")

  const waiting = ann.start(["deploy", "--wait", "2m"])
  await waiting.waitFor("waiting: carol on ")
  slow.kill("SIGKILL")
  expect((await waiting.done).code).toBe(0)
  const last = (await auditOf(bob)).slice(-2)
  expect(last).toEqual(["carol, deploy, cut off, h1 h2", "ann, deploy, succeeded, h1 h2"])
  await until(() => holders("h1").length + holders("h2").length === 0)
})

test("lets two runs that start at the same moment take their locks in any order", async () => {
  const ann = operator("ann", ["h1", "h2"])
  const bob = operator("bob", ["h2", "h1"])
  const both = await Promise.all([ann.jiji(["deploy", "--wait", "2m"]), bob.jiji(["deploy", "--wait", "2m"])])
  for (const each of both) done(each)
  const alone = await Promise.all([ann.jiji(["remove", "--all", "--yes"]), bob.jiji(["deploy"])])
  expect(alone.filter(({ code }) => code === 0).length).toBeGreaterThan(0)
  for (const { code, stdout, stderr } of alone)
    if (code !== 0) expect(stdout + stderr).toContain("the lock ends with that run")
})

test("shows all users of a server the same lock", async () => {
  const ann = operator("ann", ["h1"])
  // Another user of the server. Nobody lets it use the engine, but it can see and end the lock.
  const dave = operator("dave", ["h1"], "deploy")
  done(await ann.jiji(["lock", "-m", "ann's", "-H", "h1"]))
  const refused = await dave.jiji(["lock", "-m", "dave's"])
  expect(refused.code).toBe(1)
  expect(refused.stdout + refused.stderr).toContain("has locked shop on h1")
  done(await dave.jiji(["unlock", "--force"]))
  done(await dave.jiji(["lock", "-m", "dave's"]))
  expect((await ann.jiji(["deploy"])).stdout).toContain("dave on ")
  done(await ann.jiji(["unlock", "--force"]))
  done(await ann.jiji(["deploy"]))
  const last = (await auditOf(dave)).slice(-4)
  expect(last).toEqual([
    "dave, unlock, succeeded, h1",
    "dave, lock, succeeded, h1, dave's",
    "ann, unlock, succeeded, h1",
    "ann, deploy, succeeded, h1"
  ])
})
