import { expect, test } from "bun:test"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { ServerHost } from "./Host.ts"
import { done, outcomes, page } from "./observe.ts"
import { type TestProject, writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker", h2: "podman", h3: "podman5" })

const secret = "-----BEGIN KEY-----\nline 2 of the key\n-----END KEY-----\n"
/** The largest file that deploy.yml may name. */
const large = new Uint8Array(1024 * 1024)
for (let at = 0; at < large.length; at += 65_536) crypto.getRandomValues(large.subarray(at, at + 65_536))
const sum = new Bun.CryptoHasher("sha256").update(large).digest("hex")
const serve = "trap 'exit 0' QUIT; httpd -f -p 8080 -h /www & wait"

/** Nearly all keys of a container. The image has nothing but busybox. */
const keys = (engine: string) => ({
  ports: ["8080:8080"],
  entrypoint: ["/bin/busybox", "sh"],
  command: ["-c", serve],
  memory: "64m",
  cpus: 0.5,
  restart: "on-failure:5",
  labels: { "com.example.tier": "web" },
  user: "1000:1000",
  working_dir: "/www",
  init: true,
  read_only: true,
  tmpfs: ["/cache:size=1m"],
  shm_size: "32m",
  // Without nproc, podman 4 would raise it above what this machine may.
  ulimits: { nofile: { soft: 1000, hard: 2000 }, nproc: 4096 },
  cap_drop: ["ALL"],
  cap_add: ["CHOWN"],
  devices: ["/dev/zero:/dev/jiji-zero:r"],
  extra_hosts: ["db.internal:10.0.0.5"],
  logging: { driver: "json-file", options: { "max-size": "1m" } },
  stop_timeout: "25s",
  stop_signal: "SIGQUIT",
  files: [
    "config/app.conf:/etc/app.conf",
    "config/large:/etc/large",
    { secret: "TLS_KEY", target: "/run/secrets/tls.key" },
    { path: "config/app.conf", target: "/usr/bin/tool", mode: "0555" }
  ],
  // This machine has no init program for podman.
  engine_options: ["--hostname=jiji-keys", ...(engine === "podman" ? ["--init-path=/usr/bin/docker-init"] : [])]
})

const write = (server: ServerHost, changes: Record<string, unknown> = {}): TestProject => {
  const project = writeProject(hosts, {
    name: "shop",
    image: { page: "all keys" },
    config: { services: { web: { hosts: [server.name], ...keys(server.engine), ...changes } } }
  })
  Bun.spawnSync(["mkdir", "-p", join(project.root, "config")])
  writeFileSync(join(project.root, "config/large"), large)
  writeFileSync(join(project.root, "config/app.conf"), "#!/bin/busybox sh\necho from the project\n")
  return project
}
const deploy = async (project: TestProject, env: Record<string, string> = {}) =>
  done(await project.jiji(["deploy"], { env: { TLS_KEY: secret, ...env } }))

/** Runs busybox in the container. */
const inside = (server: ServerHost, ...words: ReadonlyArray<string>) =>
  server.run([server.engine, "exec", "shop-web", "/bin/busybox", ...words])

const inspect = (server: ServerHost, format: string) =>
  server.run([server.engine, "inspect", "--format", format, "shop-web"])

const filesOf = async (server: ServerHost) => {
  const { stdout } = await server.try(["find", "/root/.jiji/files", "-type", "f"])
  return stdout.split("\n").filter(Boolean).sort()
}

for (const name of ["h1", "h2", "h3"]) {
  test(`every key takes effect on ${name}`, async () => {
    const server = hosts.server(name)
    const run = await deploy(write(server))
    expect(outcomes(run)).toEqual([`web ${name}: started`])
    expect(run.stdout + run.stderr).not.toContain("line 2 of the key")
    expect(await page(hosts, server)).toBe("all keys")

    expect(await inspect(server, "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}")).toBe("67108864 500000000")
    expect(
      await inspect(server, "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}")
    ).toBe("on-failure 5")
    expect(await inspect(server, '{{index .Config.Labels "com.example.tier"}}')).toBe("web")
    expect(await inspect(server, "{{.Config.StopTimeout}}")).toBe("25")
    expect(await inspect(server, "{{.Config.StopSignal}}")).toMatch(/^(SIGQUIT|3)$/)
    expect(await inspect(server, "{{json .HostConfig.LogConfig}}")).toMatch(/"max-size":"1m"|"Size":"1(MB|e\+06)/)

    expect(await inside(server, "id", "-u")).toBe("1000")
    expect(await inside(server, "id", "-g")).toBe("1000")
    expect(await inside(server, "pwd")).toBe("/www")
    expect(await inside(server, "hostname")).toBe("jiji-keys")
    // Not the limits of this process: runc raises the soft one for those that it executes.
    expect(await inside(server, "cat", "/proc/1/limits")).toMatch(/^Max open files +1000 +2000 /m)
    const [init = "", ...argv] = (await inside(server, "sh", "-c", "tr '\\0' '\\n' </proc/1/cmdline")).split("\n")
    expect(init).toMatch(/init/)
    expect(argv.slice(argv.indexOf("/bin/busybox"))).toEqual(["/bin/busybox", "sh", "-c", serve])
    const mounts = await inside(server, "cat", "/proc/mounts")
    expect(mounts).toMatch(/^\S+ \/ \S+ ro\b/m)
    expect(mounts).toMatch(/^tmpfs \/cache tmpfs .*size=1024k/m)
    expect(mounts).toMatch(/^\S+ \/dev\/shm tmpfs .*size=32768k/m)
    // CHOWN is the lowest bit.
    expect(await inside(server, "grep", "CapBnd", "/proc/1/status")).toBe("CapBnd:\t0000000000000001")
    expect(await inside(server, "sh", "-c", "head -c 2 /dev/jiji-zero | od -An -tx1")).toBe(" 00 00")
    expect(await inside(server, "cat", "/etc/hosts")).toMatch(/^10\.0\.0\.5\s+db\.internal/m)

    expect(await inside(server, "cat", "/etc/app.conf")).toContain("from the project")
    expect(await inside(server, "sha256sum", "/etc/large")).toStartWith(sum)
    expect(await inside(server, "cat", "/run/secrets/tls.key")).toBe(secret.trimEnd())
    expect(await server.run([server.engine, "exec", "shop-web", "/usr/bin/tool"])).toBe("from the project")
    expect(mounts).toMatch(/^\S+ \/run\/secrets\/tls\.key \S+ ro\b/m)
  })

  test(`no other user of ${name} can read the files of a container`, async () => {
    const server = hosts.server(name)
    const found = await filesOf(server)
    expect(found).toHaveLength(4)
    // The home folder of root is closed here, but not that of every user.
    await server.run(["chmod", "755", "/root"])
    for (const file of found) {
      const read = await server.try(["setpriv", "--reuid=2000", "--regid=2000", "--clear-groups", "cat", file])
      expect({ code: read.code, stdout: read.stdout }).toEqual({ code: 1, stdout: "" })
      expect(read.stderr).toContain("Permission denied")
    }
    await server.run(["chmod", "700", "/root"])
  })

  test(`a second deploy keeps the container on ${name}, and one that changes a key names it`, async () => {
    const server = hosts.server(name)
    expect(outcomes(await deploy(write(server)))).toEqual([`web ${name}: unchanged`])
    const files = await filesOf(server)

    const memory = await deploy(write(server, { memory: "96m" }))
    expect(memory.stdout).toContain("replace web: memory\n")
    expect(await inspect(server, "{{.HostConfig.Memory}}")).toBe(`${96 * 1024 ** 2}`)
    // The old ones went with the old container.
    const next = await filesOf(server)
    expect(next).toHaveLength(4)
    expect(next).not.toEqual(files)

    const rotated = await deploy(write(server, { memory: "96m" }), { TLS_KEY: "another" })
    expect(rotated.stdout).toContain("replace web: files: /run/secrets/tls.key\n")
    expect(await inside(server, "cat", "/run/secrets/tls.key")).toBe("another")

    const restart = await deploy(write(server, { memory: "96m", restart: "no" }), { TLS_KEY: "another" })
    expect(restart.stdout).toContain("replace web: restart\n")
    expect(await inspect(server, "{{.HostConfig.RestartPolicy.Name}}")).toBe("no")
    const again = await deploy(write(server, { memory: "96m", restart: "no" }), { TLS_KEY: "another" })
    expect(outcomes(again)).toEqual([`web ${name}: unchanged`])
  })

  test(`an unhealthy container takes its files with it on ${name}, and the old one keeps its own`, async () => {
    const server = hosts.server(name)
    const before = await filesOf(server)
    const project = write(server, { command: ["-c", "exit 4"], health: { running_for: "1s", timeout: "20s" } })
    const run = await project.jiji(["deploy"], { env: { TLS_KEY: "never" } })
    expect(run.code).toBe(1)
    expect(await filesOf(server)).toEqual(before)
    expect(await inside(server, "cat", "/run/secrets/tls.key")).toBe("another")
  })
}

test("a missing file and a missing secret are reported before anything is touched", async () => {
  const server = hosts.server("h1")
  const files = ["config/none.conf:/etc/none.conf", { secret: "TLS_KEY", target: "/run/secrets/tls.key" }]
  const run = await write(server, { files }).jiji(["deploy"])
  expect(run.code).toBe(78)
  expect(run.stderr).toMatch(
    /deploy\.yml:\d+ services\.web\.files\[0\]: config\/none\.conf does not exist in the project/
  )
  const missing = await write(server).jiji(["deploy"])
  expect(missing.code).toBe(78)
  expect(missing.stderr).toContain("The secret TLS_KEY is missing")
})

const gpus = (name: string, server: ReadonlyArray<string>) =>
  writeProject(hosts, {
    name,
    image: { page: name },
    config: { services: { web: { hosts: server, ports: ["8081:80"], gpus: "all" } } }
  })

test("GPUs that a server does not have are reported with what to install", async () => {
  const run = await gpus("no-gpu", ["h1", "h2", "h3"]).jiji(["deploy"])
  expect(run.code).toBe(1)
  expect(run.stderr).toContain('The new container of web on h1 cannot start: could not select device driver ""')
  for (const name of ["h2", "h3"]) {
    expect(run.stderr).toContain(
      `The new container of web on ${name} cannot start: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=all`
    )
  }
  expect(run.stderr.split("Install NVIDIA's driver and Container Toolkit on the server.")).toHaveLength(4)
})

test("podman gives a container the GPUs of the CDI specification", async () => {
  const specification = {
    cdiVersion: "0.5.0",
    kind: "nvidia.com/gpu",
    devices: [{ name: "all", containerEdits: { env: ["FOUND_GPU=all"] } }]
  }
  for (const name of ["h2", "h3"]) {
    await hosts.server(name).run(["mkdir", "-p", "/run/cdi"])
    await hosts.server(name).run(["tee", "/run/cdi/nvidia.json"], { stdin: JSON.stringify(specification) })
  }
  done(await gpus("gpu", ["h2", "h3"]).jiji(["deploy"]))
  for (const name of ["h2", "h3"]) {
    const server = hosts.server(name)
    const environment = await server.run(["podman", "exec", "gpu-web", "/bin/busybox", "cat", "/proc/1/environ"])
    expect(environment).toContain("FOUND_GPU=all")
  }
})
