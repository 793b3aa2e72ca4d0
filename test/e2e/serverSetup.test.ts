import { beforeAll, expect, test } from "bun:test"
import { basename, dirname, join } from "node:path"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ debian: "none", fedora: "none", alpine: "none", arch: "none" })

const systems = [
  ["debian", ""],
  ["fedora", "Fedora Linux"],
  ["alpine", "Alpine Linux"],
  ["arch", "Arch Linux"]
] as const

const script = join(import.meta.dir, "serverSetup.sh")

beforeAll(async () => {
  await Promise.all(
    systems.map(([name, title]) =>
      hosts.server(name).run(["sh", script, name, title, `/${basename(dirname(hosts.folder))}/${name}`])
    )
  )
})

const project = () =>
  writeProject(hosts, {
    name: "shop",
    image: { page: "one" },
    config: {
      // On Debian, jiji logs in as a user who may use sudo; elsewhere as root.
      servers: { debian: { user: "deploy" } }
    }
  })

const read = (name: string, file: string) => hosts.server(name).run(["cat", file])

const rotation = '{ "log-driver": "json-file", "log-opts": { "max-size": "10m", "max-file": "3" } }'

test("installs docker with apt, lets it start, adds the user to its group, and finds nothing to do after that", async () => {
  const { jiji } = project()
  const before = await jiji(["doctor", "-H", "debian"])
  expect(before.stdout).toContain("Install docker on debian: `jiji server setup -H debian` does it.")
  const refused = await jiji(["server", "setup", "-H", "debian"])
  expect([refused.code, refused.stdout, refused.stderr]).toEqual([
    2,
    `debian (Debian GNU/Linux 12 (bookworm), as deploy):
  install docker.io
  add deploy to the group docker
  limit the logs of containers (/etc/docker/daemon.json)
  start docker, also at boot
`,
    "error: This command installs packages on debian, and it cannot ask for confirmation here.\n  → Use --yes to set them up without confirmation.\n"
  ])
  expect(await read("debian", "/run/words")).toBe("")

  const done = await jiji(["server", "setup", "-H", "debian", "--yes"])
  expect([done.code, done.stderr]).toEqual([0, ""])
  const server = hosts.server("debian")
  expect(await server.run(["dpkg-query", "--show", "--showformat", "${Status}", "docker.io"])).toBe(
    "install ok installed"
  )
  expect(await read("debian", "/run/words")).toBe("systemctl enable --now docker")
  expect(await read("debian", "/etc/docker/daemon.json")).toBe(rotation)
  expect(await server.run(["getent", "group", "docker"])).toMatch(/^docker:.*:deploy$/)
  // It listens on no port.
  expect((await server.listeners()).map(({ port }) => port)).toEqual([22, 22])

  const again = await jiji(["server", "setup", "-H", "debian"])
  expect([again.code, again.stderr, again.stdout]).toEqual([
    0,
    "",
    "debian (Debian GNU/Linux 12 (bookworm), as deploy): nothing to do\n"
  ])
  const after = await jiji(["doctor", "-H", "debian"])
  expect(after.stdout).toContain("✓ engine    docker 20.10.24+dfsg1 (API 1.41)")
  expect((await jiji(["deploy", "-H", "debian"])).code).toBe(0)
})

test("installs docker on Fedora and Alpine with their own programs", async () => {
  const { jiji } = project()
  const done = await jiji(["server", "setup", "-H", "fedora", "-H", "alpine", "--yes"])
  expect([done.code, done.stderr]).toEqual([0, ""])
  expect(await read("fedora", "/run/words")).toBe(
    "dnf install --assumeyes moby-engine\ndnf install --assumeyes docker-cli\nsystemctl enable --now docker\ndocker version"
  )
  expect(await read("alpine", "/run/words")).toBe(
    "apk add docker\nrc-update add docker default\nrc-service docker start\ndocker version"
  )
  for (const name of ["fedora", "alpine"]) expect(await read(name, "/etc/docker/daemon.json")).toBe(rotation)
  const again = await jiji(["server", "setup", "-H", "fedora", "-H", "alpine"])
  expect([again.code, again.stdout]).toEqual([
    0,
    "fedora (Fedora Linux 1, as root): nothing to do\nalpine (Alpine Linux 1, as root): nothing to do\n"
  ])
})

test("keeps other settings of a running engine, and says that it has to restart", async () => {
  const { jiji } = project()
  const server = hosts.server("fedora")
  for (const [text, expected] of [
    [
      '{ "bip": "10.0.0.1/24" }',
      '{ "log-driver": "json-file", "log-opts": { "max-size": "10m", "max-file": "3" }, "bip": "10.0.0.1/24" }'
    ],
    ["{\n}", '{ "log-driver": "json-file", "log-opts": { "max-size": "10m", "max-file": "3" }\n}']
  ] as const) {
    await server.run(["sh", "-c", 'printf %s "$0" >/etc/docker/daemon.json', text])
    const { code, stdout } = await jiji(["server", "setup", "-H", "fedora", "--yes"])
    expect([code, stdout]).toEqual([0, expect.stringContaining("docker was already running")])
    expect(JSON.parse(await read("fedora", "/etc/docker/daemon.json"))).toEqual(JSON.parse(expected))
  }
})

test("keeps settings that only root may read, and changes none that it cannot read", async () => {
  const { jiji } = project()
  const server = hosts.server("debian")
  const shell = (line: string) => server.run(["sh", "-c", line])
  const before = '{ "userns-remap": "default" }'
  const after = {
    "userns-remap": "default",
    "log-driver": "json-file",
    "log-opts": { "max-size": "10m", "max-file": "3" }
  }
  for (const [folder, file] of [
    [700, 644],
    [755, 600]
  ]) {
    await shell(
      `chmod ${folder} /etc/docker; cd /etc/docker && echo '${before}' >daemon.json && chmod ${file} daemon.json`
    )
    const done = await jiji(["server", "setup", "-H", "debian", "--yes"])
    expect([done.code, done.stderr]).toEqual([0, ""])
    expect(JSON.parse(await read("debian", "/etc/docker/daemon.json"))).toEqual(after)
    expect(await shell("cd /etc/docker; ls -A | grep daemon; stat -c %a /etc/docker/daemon.json")).toBe(
      `daemon.json\n${file}`
    )
    const again = await jiji(["server", "setup", "-H", "debian"])
    expect(again.stdout).toBe("debian (Debian GNU/Linux 12 (bookworm), as deploy): nothing to do\n")
  }
  for (const name of ["/etc/docker/daemon.json", "/srv/daemon.json"]) {
    await shell(`rm /etc/docker/daemon.json; ln -s ${name} /etc/docker/daemon.json`)
    const refused = await jiji(["server", "setup", "-H", "debian", "--yes"])
    expect([refused.code, refused.stderr]).toEqual([
      77,
      expect.stringContaining("error: Cannot read /etc/docker/daemon.json on debian, so jiji does not change it.\n")
    ])
  }
  await shell(`rm /etc/docker/daemon.json && chmod 755 /etc/docker && echo '${rotation}' >/etc/docker/daemon.json`)
})

test("warns where neither systemd nor OpenRC is there to start the engine at boot, and does the rest", async () => {
  const { jiji } = project()
  const server = hosts.server("alpine")
  await server.run(["sh", "-c", "rm -r /usr/local/bin/rc-update /etc/docker"])
  const warning =
    "warning: alpine runs neither systemd nor OpenRC, so jiji does not set up docker to start at boot.\n  → Make sure that it starts after a reboot; `jiji doctor -H alpine` checks whether it runs now.\n"
  const done = await jiji(["server", "setup", "-H", "alpine", "--yes"])
  expect([done.code, done.stderr]).toEqual([0, warning])
  expect(done.stdout).toStartWith(
    "alpine (Alpine Linux 1, as root):\n  limit the logs of containers (/etc/docker/daemon.json)\n"
  )
  expect(await read("alpine", "/etc/docker/daemon.json")).toBe(rotation)
  const again = await jiji(["server", "setup", "-H", "alpine"])
  expect([again.code, again.stdout, again.stderr]).toEqual([
    0,
    "alpine (Alpine Linux 1, as root): nothing to do\n",
    warning
  ])
  // Without an engine, there would be nothing to start it with.
  await server.run(["mv", "/usr/bin/docker", "/run/docker.away"])
  const refused = await jiji(["server", "setup", "-H", "alpine", "--yes"])
  await server.run(["mv", "/run/docker.away", "/usr/bin/docker"])
  expect([refused.code, refused.stderr]).toEqual([
    69,
    expect.stringContaining("error: alpine runs neither systemd nor OpenRC, so jiji cannot let docker start at boot.\n")
  ])
})

test("sets up podman, for root and for another user", async () => {
  const server = hosts.server("fedora")
  await server.run(["sh", "-c", "rm /usr/bin/docker /run/enabled /run/words; install -m 666 /dev/null /run/words"])
  const { jiji } = writeProject(hosts, {
    name: "shop",
    image: { page: "one" },
    config: { builder: { engine: "podman" }, servers: { fedora: { user: "deploy" } } }
  })
  const done = await jiji(["server", "setup", "-H", "fedora", "--yes"])
  expect([done.code, done.stderr]).toEqual([0, ""])
  expect(await read("fedora", "/run/words")).toBe(
    "dnf install --assumeyes podman\nloginctl enable-linger deploy\npodman version"
  )
  expect(await read("fedora", "/etc/containers/containers.conf.d/50-jiji.conf")).toBe(
    "[containers]\nlog_size_max = 10485760"
  )
  await server.run(["chmod", "700", "/etc/containers/containers.conf.d"])
  const again = await jiji(["server", "setup", "-H", "fedora"])
  expect(again.stdout).toBe("fedora (Fedora Linux 1, as deploy): nothing to do\n")
  const root = await project().jiji(["server", "setup", "-H", "fedora", "--yes"])
  expect([root.code, root.stdout]).toEqual([0, expect.stringContaining("  start podman, also at boot\n")])
  expect(await read("fedora", "/run/words")).toContain("systemctl enable podman-restart\npodman version")
})

test("changes nothing on an unknown system, or if the user cannot become root", async () => {
  const { jiji } = project()
  const unknown = await jiji(["server", "setup", "--yes"])
  expect([unknown.code, unknown.stderr]).toEqual([
    69,
    "error: arch runs Arch Linux 1, and jiji sets up only Debian, Ubuntu, Fedora and Alpine.\n  → Install docker there yourself. `jiji doctor -H arch` then checks it.\n"
  ])
  expect(await read("arch", "/run/words")).toBe("")
  await hosts.server("debian").run(["sh", "-c", "rm /usr/local/bin/sudo /etc/docker/daemon.json"])
  const denied = await jiji(["server", "setup", "-H", "debian", "--yes"])
  expect([denied.code, denied.stderr]).toEqual([
    77,
    expect.stringContaining("error: deploy cannot become root on debian without a password.\n")
  ])
})
