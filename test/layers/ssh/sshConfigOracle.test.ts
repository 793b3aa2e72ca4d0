import * as NodeFileSystem from "@effect/platform-node-shared/NodeFileSystem"
import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as ConfigFiles from "../../../src/layers/ssh/config/ConfigFiles.ts"
import * as HostConfig from "../../../src/layers/ssh/config/HostConfig.ts"
import { it } from "../../support/effect.ts"
import { folder } from "./fixture.ts"

const user = execFileSync("id", ["-un"], { encoding: "utf8" }).trim()
// OpenSSH takes the home folder from the user database, not from $HOME.
const home = execFileSync("sh", ["-c", `getent passwd ${user} | cut -d: -f6`], { encoding: "utf8" }).trim()
const environment = { FOLDER: "/srv/keys", SSH_AUTH_SOCK: "/run/agent" }

type Facts = Readonly<Record<string, string | ReadonlyArray<string>>>

/** What OpenSSH does with a file, or undefined if it refuses the file. */
const asked = (file: string, alias: string): Facts | undefined => {
  const run = spawnSync("ssh", ["-F", file, "-G", alias], { encoding: "utf8", env: { ...process.env, ...environment } })
  if (run.status !== 0) return undefined
  const lines = run.stdout.split("\n").map((line) => {
    const at = line.indexOf(" ")
    return [line.slice(0, at), line.slice(at + 1)] as const
  })
  const all = (keyword: string) => lines.filter(([name]) => name === keyword).map(([, value]) => value)
  const one = (keyword: string) => all(keyword)[0] ?? "none"
  const identities = all("identityfile")
  const isDefault = identities.includes("~/.ssh/id_xmss")
  return {
    hostname: one("hostname").toLowerCase(),
    user: one("user"),
    port: one("port"),
    identityfile: isDefault
      ? "default"
      : identities.filter((path) => path !== "none").map((path) => path.replace(/^~/, home)),
    identitiesonly: one("identitiesonly"),
    identityagent: one("identityagent"),
    // Without tokens, so that only their choice is compared.
    proxyjump: one("proxyjump"),
    proxycommand: one("proxycommand"),
    userknownhostsfile: one("userknownhostsfile"),
    globalknownhostsfile: one("globalknownhostsfile"),
    hostkeyalias: one("hostkeyalias"),
    strict: { true: "strict", ask: "strict", "accept-new": "accept-new", false: "accept-new" }[
      one("stricthostkeychecking")
    ] as string,
    connecttimeout: one("connecttimeout"),
    addressfamily: one("addressfamily"),
    setenv: all("setenv"),
    ciphers: one("ciphers")
      .split(",")
      .filter((name) => !name.startsWith("chacha20"))
      .toSorted()
  }
}

/** What jiji does with the same file. */
const own = (dir: string, alias: string) =>
  Effect.gen(function* () {
    const files = yield* ConfigFiles.make({ home: dir, system: join(dir, "system") })
    const caller = { home, system: "/etc/ssh", user, environment }
    const config = yield* HostConfig.load(files, caller, { alias, overrides: new Map(), unused: new Set() })
    const { proxy } = config
    const facts: Facts = {
      hostname: config.hostName,
      user: config.user,
      port: String(config.port),
      identityfile: config.identityFiles ?? "default",
      identitiesonly: config.identitiesOnly ? "yes" : "no",
      identityagent: config.agent === undefined ? "none" : (config.agent.socket ?? "none"),
      proxyjump: proxy !== undefined && "jump" in proxy ? proxy.jump : "none",
      proxycommand: proxy !== undefined && "command" in proxy ? proxy.command : "none",
      userknownhostsfile:
        config.userKnownHosts === undefined
          ? `${home}/.ssh/known_hosts ${home}/.ssh/known_hosts2`
          : config.userKnownHosts.join(" ") || "none",
      globalknownhostsfile: config.globalKnownHosts.join(" ") || "none",
      hostkeyalias: config.hostKeyAlias ?? "none",
      strict: config.hostKeys ?? "strict",
      connecttimeout: String(config.connectTimeout ?? "none"),
      addressfamily: config.family === undefined ? "any" : config.family === 4 ? "inet" : "inet6",
      setenv: Object.entries(config.env).map(([name, value]) => `${name}=${value}`),
      ciphers: config.ciphers.toSorted()
    }
    return facts
  }).pipe(Effect.result, Effect.provide(NodeFileSystem.layer))

/** Numbers that are the same in every run. */
const numbers = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const options = [
  "HostName %h.example.com",
  "hostname=web1.internal",
  'HostName "10.0.0.9"',
  "HostName Upper.Example.com",
  "User deploy",
  "User = root",
  "user\tops # a comment",
  "Port 2222",
  "Port 22",
  "IdentityFile ~/.ssh/deploy",
  'IdentityFile "/keys/with a space"',
  "IdentityFile /keys/with\\ a\\ space",
  "IdentityFile none",
  "IdentitiesOnly yes",
  "IdentitiesOnly no",
  "IdentityAgent none",
  "IdentityAgent ${FOLDER}/%n.sock",
  "IdentityAgent ~/agents/%r",
  "ProxyJump bastion",
  "ProxyJump ops@bastion:2200,inner",
  "ProxyJump none",
  "ProxyCommand nc bastion 22 # not a comment",
  "ProxyCommand none",
  "UserKnownHostsFile ~/.ssh/one /tmp/two",
  "UserKnownHostsFile ${FOLDER}/%h-%p-%r-%u-%n-%k",
  "UserKnownHostsFile %d/known_%C_%L_%l_%i_%%",
  "UserKnownHostsFile none",
  "GlobalKnownHostsFile /etc/one /etc/two",
  "GlobalKnownHostsFile none",
  "HostKeyAlias fleet",
  "StrictHostKeyChecking yes",
  "StrictHostKeyChecking accept-new",
  "StrictHostKeyChecking no",
  "StrictHostKeyChecking ask",
  "ConnectTimeout 7",
  "ConnectTimeout none",
  "ConnectTimeout 1m30s",
  "AddressFamily inet6",
  'SetEnv A=1 "B=two words"',
  "SetEnv C=3",
  "Ciphers aes128-ctr,aes256-gcm@openssh.com",
  "Ciphers -aes*-gcm*",
  "Ciphers +aes256-cbc",
  "ForwardAgent yes",
  "ControlPath ~/.ssh/%C",
  "LocalForward 8080 localhost:80",
  "IgnoreUnknown Use*,Local*"
]

/** Rare, since OpenSSH refuses the file, whatever block they are in. */
const faults = ["UseKeychain yes", "HostNam web1", "Port", "User one two", 'User "open', "Match nonsense x"]

const blocks = [
  "Host web1",
  "Host web*",
  "Host *",
  "Host WEB1",
  "Host !web1 *",
  "Host * !web1",
  "Host db? web?",
  'Host "web1" db1 # and a comment',
  "Host *.example.com",
  "Host web1.internal",
  "Match all",
  "Match host web1",
  "Match host *.example.com,10.0.0.*",
  "Match host !web1,*",
  "Match !host web1",
  "Match originalhost web1",
  "Match originalhost=WEB1",
  "Match user deploy",
  "Match user deploy host web1.internal",
  "Match final",
  "Match final host *.example.com",
  "Match canonical all",
  "Match !final host web*",
  `Match localuser ${user}`,
  "Match localuser nobody-here",
  'Match originalhost "web1" user "root"'
]

/** A file of options, blocks and includes. */
const generate = (dir: string, next: (below: number) => number) => {
  const pick = (list: ReadonlyArray<string>): string => list[next(list.length)] ?? ""
  const write = (name: string, depth: number) => {
    const lines: Array<string> = []
    for (let count = 3 + next(8); count > 0; count--) {
      const kind = next(12)
      if (kind < 3) lines.push(pick(blocks))
      else if (kind === 3 && depth < 3) {
        const files = [`${name}-${count}a`, `${name}-${count}b`].slice(next(2))
        for (const file of files) write(file, depth + 1)
        lines.push(
          pick([`Include ${files.map((file) => join(dir, file)).join(" ")}`, `include "${join(dir, name)}-${count}*"`])
        )
      } else lines.push(`${pick(["", "  ", "\t"])}${next(120) === 0 ? pick(faults) : pick(options)}`)
    }
    writeFileSync(join(dir, name), lines.join(pick(["\n", "\n\n", "\r\n"])))
  }
  write(".ssh/config", 0)
}

describe("~/.ssh/config", () => {
  it.live(
    "means the same to jiji and to `ssh -G`, whatever it contains",
    () =>
      Effect.gen(function* () {
        let refused = 0
        for (let seed = 1; seed <= 400; seed++) {
          const dir = yield* folder
          mkdirSync(join(dir, ".ssh"))
          generate(dir, numbers(seed))
          for (const alias of ["web1", "db1.example.com"]) {
            const expected = asked(join(dir, ".ssh", "config"), alias)
            const found = yield* own(dir, alias)
            const about = `seed ${seed}, ${alias}`
            if (expected === undefined) {
              refused++
              expect([about, found._tag]).toEqual([about, "Failure"])
            } else if (found._tag === "Failure" && expected["proxyjump"] !== "none") {
              // The hash of a connection behind a jump host differs between versions of OpenSSH.
              expect([about, found.failure.message]).toEqual([about, expect.stringContaining("%C")])
            } else {
              const facts = found._tag === "Success" ? found.success : found.failure.message
              expect([about, facts]).toEqual([about, expected])
            }
          }
        }
        expect(refused).toBeGreaterThan(20)
        expect(refused).toBeLessThan(500)
      }),
    120_000
  )
})
