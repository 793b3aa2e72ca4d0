import { beforeAll, expect, test } from "bun:test"
import { Schema } from "effect"
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Report } from "../../src/steps/doctor/Report.ts"
import type { ServerHost } from "./Host.ts"
import { writeProject } from "./Project.ts"
import { until } from "../support/waiting.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "none", h2: "none" }, "none")

let h1: ServerHost
let h2: ServerHost
let folder: string
let known: string
/** A host key that no server has. */
let stranger: string
beforeAll(async () => {
  h1 = hosts.server("h1")
  h2 = hosts.server("h2")
  folder = join(hosts.home, ".ssh")
  known = join(folder, "known_hosts")
  mkdirSync(folder, { mode: 0o700 })
  const file = join(hosts.folder, "stranger")
  await hosts.operator.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file])
  stranger = readFileSync(`${file}.pub`, "utf8").split(" ").slice(0, 2).join(" ")
})

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Report))

/** Runs `jiji doctor` for the Host `web`, with this ~/.ssh/config and otherwise defaults. */
const doctor = (config: string, ssh: Record<string, unknown> = {}) => {
  writeFileSync(join(folder, "config"), config)
  const project = writeProject(hosts, {
    name: "shop",
    image: { page: "one" },
    config: {
      builder: { engine: "docker" },
      ssh: { known_hosts: undefined, ...ssh },
      servers: { h1: { host: "web" } },
      services: { web: { hosts: ["h1"] } }
    }
  })
  return project.jiji(["doctor", "--json", "--hosts", "h1"])
}

/** What it says about the connection. */
const connect = async (config: string, ssh: Record<string, unknown> = {}) => {
  const run = await doctor(config, ssh)
  const server = decode(run.stdout).machines.find(({ name }) => name === "h1")
  const check = server?.checks.find(({ name }) => name === "ssh")
  if (check === undefined) throw new Error(`no check of the connection: ${run.stdout} ${run.stderr}`)
  return `${check.status}: ${check.text}`
}

const web = (...lines: ReadonlyArray<string>) =>
  `Host web\n${[`HostName ${h1.ip}`, ...lines].map((line) => `  ${line}\n`).join("")}`

test("refuses a changed host key wherever ~/.ssh/config keeps the old one, and records nothing", async () => {
  const other = join(folder, "other_hosts")
  const cases = [
    [`${h1.ip} ${stranger}`, "UserKnownHostsFile ~/.ssh/known_hosts ~/.ssh/other_hosts"],
    [`${h1.ip} ${stranger}`, `GlobalKnownHostsFile ${other}`],
    [`fleet ${stranger}`, `UserKnownHostsFile ~/.ssh/known_hosts ${other}\n  HostKeyAlias fleet`]
  ] as const
  for (const [line, option] of cases) {
    writeFileSync(other, `${line}\n`)
    expect(await connect(web(option))).toContain(`has changed: ${other}:1 has`)
    expect([option, existsSync(known)]).toEqual([option, false])
  }
  writeFileSync(other, `@cert-authority ${h1.ip} ${stranger}\n`)
  expect(await connect(web(`GlobalKnownHostsFile ${other}`))).toContain("jiji cannot verify host certificates")
  expect(existsSync(known)).toBe(false)
})

test("connects where OpenSSH connects, past an Include in a block for other hosts", async () => {
  writeFileSync(join(folder, "work"), `Host *\n  HostName ${h2.ip}\n  User nobody\n`)
  expect(await connect(`Host elsewhere\n  Include work\n${web()}`)).toContain("ok: logged in")
  // Recorded under the address that it connected to, with the key of that server.
  expect(await hosts.operator.run(["ssh-keygen", "-F", h1.ip, "-f", known])).toContain(
    h1.knownHost().split(" ")[2] ?? "?"
  )
  expect((await hosts.operator.try(["ssh-keygen", "-F", h2.ip, "-f", known])).code).toBe(1)
})

test("connects through a ProxyCommand", async () => {
  const jump = `ssh -i ${hosts.key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -W %h:%p root@${h2.ip}`
  expect(await connect(web(`ProxyCommand ${jump}`))).toContain("ok: logged in")
  expect(await connect(web("ProxyCommand sh -c 'echo gateway is closed >&2; exit 1'"))).toContain("gateway is closed")
})

test("logs in with the agent's key that a public key names", async () => {
  const socket = join(hosts.folder, "agent.sock")
  const agent = hosts.operator.start(["ssh-agent", "-D", "-a", socket])
  await until(
    () => existsSync(socket),
    (isThere) => isThere
  )
  try {
    const pub = join(folder, "web.pub")
    await hosts.operator.run(["sh", "-c", `ssh-keygen -y -f ${hosts.key} >${pub}`])
    for (const key of [join(hosts.folder, "stranger"), hosts.key])
      await hosts.operator.run(["env", `SSH_AUTH_SOCK=${socket}`, "ssh-add", key])
    const config = web("User root", `IdentityFile ${pub}`, "IdentitiesOnly yes", `IdentityAgent ${socket}`)
    expect(await connect(config, { keys: undefined })).toContain("ok: logged in")
    expect(await connect(config.replace(socket, "none"), { keys: undefined })).toContain(
      "the agent does not have its private key"
    )
  } finally {
    agent.kill("SIGKILL")
    await agent.done
  }
})

test("refuses an option that it cannot honor, with its file and line", async () => {
  expect(await connect(web("KnownHostsCommand /bin/keys"))).toContain(
    `${join(folder, "config")}:3: jiji does not support KnownHostsCommand`
  )
})

test("does not blame the engine for an account that runs no commands", async () => {
  rmSync(known, { force: true })
  await h1.restartSshd({ ForceCommand: "internal-sftp" })
  const run = await doctor(web())
  expect(run.stdout).toMatch(/The login shell on h1 exited with code \d+ and did not run jiji's command/)
  expect(run.stdout).not.toContain("docker is not installed on h1")
})
