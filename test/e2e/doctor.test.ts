import { expect, test } from "bun:test"
import { Schema } from "effect"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Report } from "../../src/steps/doctor/Report.ts"
import type { CommandOptions } from "./Command.ts"
import type { Hosts } from "./Hosts.ts"
import { allTraces, quietTraces, untilQuiet } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { startRegistry } from "./Registry.ts"
import { until } from "../support/waiting.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman", h3: "docker", h4: "none" })

const write = (config: Record<string, unknown> = {}): TestProject =>
  writeProject(hosts, { name: "shop", image: { page: "one" }, config })

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Report), { onExcessProperty: "error" })

/** Results of `jiji doctor --json`: status, text and remedy by `machine check`. */
const doctor = async (project: TestProject, args: ReadonlyArray<string> = [], options?: CommandOptions) => {
  const run = await project.jiji(["doctor", "--json", ...args], options)
  const { machines, ok } = decode(run.stdout)
  const checks = machines.flatMap(({ checks, name: machine }) =>
    checks.map(
      ({ name, remedy = "", status, text }) => [`${machine} ${name}`, `${status}: ${text} → ${remedy}`] as const
    )
  )
  return { code: run.code, ok, stderr: run.stderr, found: Object.fromEntries(checks), all: checks }
}

const squat = async (
  port: number,
  host: { readonly start: Hosts["operator"]["start"]; readonly listeners: Hosts["operator"]["listeners"] }
) => {
  const running = host.start(["busybox", "nc", "-l", "-p", String(port)])
  await until(
    () => host.listeners(),
    (all) => all.some((listener) => listener.port === port)
  )
  return async () => {
    running.kill("SIGKILL")
    await running.done
  }
}

test("reports good servers, exits with 0, and leaves nothing behind", async () => {
  const project = write({ services: { web: { hosts: ["h1", "h2"] } } })
  const quiet = await quietTraces(hosts)
  const images = await Promise.all([hosts.operator, ...hosts.servers.slice(0, 2)].map((host) => host.images()))
  const run = await project.jiji(["doctor"])
  expect(run.stderr).toBe("")
  const text = run.stdout.replaceAll(/[\d.]+ [GM]B free/g, "41 GB free").replaceAll(/\d\.\d s off/g, "0.1 s off")
  expect(text.replaceAll(/\n {14}\S.*/g, " …")).toBe(`this machine
  ✓ config    shop: 1 service on 2 servers
  ✓ secrets   no secrets are used
  ✓ engine    docker 20.10.24+dfsg1
  ✓ build     builds for its own platform
  ✓ disk      41 GB free in /var/lib/docker
  ✓ registry  port 9270 is free, and ${hosts.home}/.local/share/jiji/registry is writable

h1 (root@10.99.0.11)
  ✓ ssh       logged in to root@10.99.0.11; its new host key was added to ${project.root}/known_hosts
  ✓ engine    docker 20.10.24+dfsg1 (API 1.41)
  ✓ processor amd64
  ✓ disk      41 GB free in /var/lib/docker
  ✓ clock     0.1 s off
  ✓ tunnel    port 9270 is open on 127.0.0.1 only
  ✓ registry  docker reaches it through the tunnel

h2 (root@10.99.0.12)
  ✓ ssh       logged in to root@10.99.0.12; its new host key was added to ${project.root}/known_hosts
  ✓ engine    podman 4.3.1, because docker is not installed
  ✓ processor amd64
  ✓ disk      41 GB free in /var/lib/containers/storage
  ✓ clock     0.1 s off
  ✓ tunnel    port 9270 is open on 127.0.0.1 only
  ✓ registry  podman reaches it through the tunnel

20 ok
`)
  expect(run.code).toBe(0)
  expect(await allTraces(hosts)).toEqual(quiet)
  expect(await Promise.all([hosts.operator, ...hosts.servers.slice(0, 2)].map((host) => host.images()))).toEqual(images)
  const again = await doctor(project, ["-H", "h1"])
  expect({ ok: again.ok, code: again.code }).toEqual({ ok: true, code: 0 })
  expect(again.found["h1 ssh"]).toContain("its host key is known")
  expect(again.found["h2 ssh"]).toBeUndefined()
})

test("finds an sshd that refuses forwarding or opens ports to everyone, a changed host key, and a missing engine", async () => {
  const h1 = hosts.server("h1")
  const h2 = hosts.server("h2")
  const h3 = hosts.server("h3")
  const project = write()
  await Promise.all([
    h1.restartSshd({ AllowTcpForwarding: "no", AllowStreamLocalForwarding: "no" }),
    h2.restartSshd({ GatewayPorts: "yes" }),
    doctor(project, ["-H", "h3"]).then(() => h3.changeHostKey())
  ])
  const { code, found, ok, stderr } = await doctor(project)
  expect({ ok, code }).toEqual({ ok: false, code: 1 })
  expect(stderr).toContain("checks failed")
  expect(found["h1 tunnel"]).toMatch(/^failed: h1 refuses to forward port 9270.*→ Set `AllowTcpForwarding yes`/)
  expect(found["h1 registry"]).toStartWith("skipped: the tunnel failed")
  expect(found["h1 engine"]).toMatch(
    /^warning: docker [\d.+a-z]+, by its client: sshd does not forward Unix sockets → Set `AllowStreamLocalForwarding yes`/
  )
  expect(found["h2 tunnel"]).toMatch(/^warning: sshd exposes port 9270 to other machines → Set `GatewayPorts no`/)
  expect(found["h2 registry"]).toStartWith("ok: ")
  expect(found["h3 ssh"]).toMatch(/^failed: The host key of h3 \(10\.99\.0\.13\) has changed.*→ .*ssh-keygen -R/)
  expect(found["h3 engine"]).toBe("skipped: the connection failed → ")
  expect(found["h4 engine"]).toMatch(/^failed: docker is not installed on h4\. → Install docker on h4/)
  expect(found["h4 registry"]).toMatch(/^ok: (curl|wget|bash) reaches it through the tunnel/)
  await Promise.all([h1.restartSshd(), h2.restartSshd()])
  rmSync(join(project.root, "known_hosts"))
})

test("finds a port in use, a full disk, a user without access to the engine, and an unreachable server", async () => {
  const h1 = hosts.server("h1")
  const h2 = hosts.server("h2")
  const h4 = hosts.server("h4")
  const leave = await squat(9270, h2)
  await h1.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", "/var/lib/docker"])
  await h4.stopSshd()
  const { code, found } = await doctor(write({ servers: { h3: { user: "deploy" } } }))
  expect(code).toBe(1)
  expect(found["h2 tunnel"]).toMatch(/^warning: port 9270 is taken on h2; deploys will use another one → .*ss -ltnp/)
  expect(found["h2 registry"]).toStartWith("ok: podman reaches it")
  expect(found["h1 disk"]).toMatch(
    /^failed: 10[05] MB free in \/var\/lib\/docker → Free space on h1; `docker system df`/
  )
  expect(found["h3 engine"]).toMatch(/^failed: The user may not use docker on h3.*→ .*usermod -aG docker/s)
  expect(found["h3 registry"]).toMatch(/^ok: (curl|wget|bash) reaches it through the tunnel/)
  expect(found["h4 ssh"]).toMatch(/^failed: h4 \(10\.99\.0\.14\) cannot be reached.*→ Check that sshd is running/)
  await h1.run(["umount", "/var/lib/docker"])
  await h4.startSshd()
  await leave()
})

test("finds a wrong clock, and a processor that images are not built for, with and without `arch`", async () => {
  const h1 = hosts.server("h1")
  const h2 = hosts.server("h2")
  const h3 = hosts.server("h3")
  const stand = (host: typeof h1, program: string, text: string) =>
    host.run([
      "sh",
      "-c",
      `printf '%s\\n' "$1" >/run/fake && chmod +x /run/fake && mount --bind /run/fake ${program}`,
      "sh",
      text
    ])
  await stand(h2, "/usr/bin/date", "#!/bin/sh\nbusybox date -d @$(($(busybox date +%s) + 300)) +%s.%N")
  await stand(h3, "/usr/bin/uname", "#!/bin/sh\necho aarch64")
  const { code, found } = await doctor(write({ servers: { h1: { arch: "arm64" } } }), ["-H", "h[123]"])
  await h2.run(["umount", "/usr/bin/date"])
  await h3.run(["umount", "/usr/bin/uname"])
  expect(code).toBe(1)
  expect(found["h1 processor"]).toMatch(/^failed: it is amd64, but deploy.yml says arm64 → Set `arch: amd64` for h1/)
  expect(found["h3 processor"]).toMatch(
    /^failed: it is arm64, but images are built for this machine's amd64 → Set `arch: arm64`/
  )
  expect(found["h2 clock"]).toMatch(/^warning: (29\d|30\d) s ahead of this machine's → .*timedatectl/)
})

test("finds problems on this machine: secrets, engine, store and port", async () => {
  const environment = { secrets: ["FIRST"] }
  const project = write({ services: { web: { hosts: ["h1"], environment } } })
  const leave = await squat(9270, hosts.operator)
  const down = await doctor(project, [], { env: { DOCKER_HOST: "unix:///run/nowhere.sock" } })
  expect(down.code).toBe(1)
  expect(down.found["this machine secrets"]).toMatch(/^failed: The secret FIRST is missing.*→ Add FIRST=…/)
  expect(down.found["this machine engine"]).toMatch(/^failed: docker does not answer on this machine.*→ Start it/s)
  expect(down.found["this machine build"]).toBe("skipped: the engine is not running → ")
  expect(down.found["this machine registry"]).toMatch(/^warning: port 9270 is taken on this machine/)
  expect(down.found["h1 registry"]).toStartWith("ok: docker reaches it")
  await leave()
  await hosts.operator.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", "/mnt"])
  writeFileSync(join(project.root, ".env"), "FIRST=is-here\n", { mode: 0o644 })
  const full = await doctor(project, [], { env: { XDG_DATA_HOME: "/mnt" } })
  expect(full.found["this machine secrets"]).toMatch(/^warning: \.env can be read by other users.*chmod 600/)
  expect(full.all.find(([name]) => name === "this machine secrets")?.[1]).toBe("ok: found FIRST (.env) → ")
  expect(full.found["this machine registry"]).toMatch(
    /^failed: The local registry in \/mnt\/jiji\/registry cannot be used/
  )
  expect(full.found["h1 registry"]).toBe("skipped: the registry is not running → ")
  expect(JSON.stringify(full)).not.toContain("is-here")
})

test("tests the login of a remote registry on every machine, and leaves no login behind", async () => {
  const address = await startRegistry(hosts, { on: hosts.operator, username: "me", password: "right-word" })
  const registry = { type: "remote", server: address, username: "me", password: "TOKEN" }
  const project = write({ builder: { registry }, services: { web: { hosts: ["h1", "h2"] } } })
  const quiet = await quietTraces(hosts)
  const good = await doctor(project, [], { env: { TOKEN: "right-word" } })
  expect(good.code).toBe(0)
  for (const machine of ["this machine", "h1", "h2"])
    expect(good.found[`${machine} registry`]).toBe(`ok: ${address} accepts the login of me → `)
  const wrong = await doctor(project, [], { env: { TOKEN: "wrong-word" } })
  expect(wrong.code).toBe(1)
  for (const machine of ["this machine", "h1", "h2"]) {
    expect(wrong.found[`${machine} registry`]).toMatch(/^failed: .*→ .*(password|token)/is)
  }
  expect(JSON.stringify(wrong)).not.toContain("wrong-word")
  const anonymous = write({
    builder: { registry: { type: "remote", server: address } },
    services: { web: { hosts: ["h1"] } }
  })
  const unknown = await doctor(anonymous)
  expect(unknown.found["this machine registry"]).toMatch(/^warning: .* requires a login and none is configured/)
  expect(await allTraces(hosts)).toEqual(quiet)
})

test("Ctrl-C exits while a server hangs, and leaves nothing behind", async () => {
  const h3 = hosts.server("h3")
  const project = write({ services: { web: { hosts: ["h3"] } } })
  const quiet = await quietTraces(hosts)
  const dockerd = h3.processes().find(({ words }) => words[0] === "/usr/sbin/dockerd")
  if (dockerd === undefined) throw new Error("dockerd runs on h3")
  process.kill(dockerd.pid, "SIGSTOP")
  const run = project.start(["doctor"])
  await until(
    () => h3.processes(),
    (all) => all.some(({ words }) => words[0] === "docker" && words[1] === "version")
  )
  run.kill("SIGINT")
  // The engine still has not answered.
  expect(await run.done).toMatchObject({ code: 130, stderr: "interrupted\n" })
  process.kill(dockerd.pid, "SIGCONT")
  expect(await untilQuiet(hosts, quiet)).toEqual({ new: [], gone: [] })
})

test("reports every invalid line of deploy.yml", async () => {
  const project = write({ services: { web: { hosts: ["h1"], prots: ["1:1"] } } })
  const { code, found } = await doctor(project)
  expect(code).toBe(1)
  expect(found["this machine config"]).toMatch(
    /^failed: The configuration has an error:\s+\.jiji\/deploy\.yml:\d+ services\.web\.prots: /
  )
  expect((await project.jiji(["doctor", "-H"])).code).toBe(2)
})
