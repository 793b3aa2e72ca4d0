import { beforeAll, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import { containersOf, done, page } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const hosts = withHosts({ h1: "docker" })

/**
 * Stands in for `docker` on the server: stops before a call that changes containers, for good, if its number is in `at`.
 */
const gate = `#!/bin/sh
case $1 in create | start | stop | update | rm | rename)
  count=$(($(cat /run/gate/count) + 1))
  echo "$count" >/run/gate/count
  if [ "$count" = "$(cat /run/gate/at)" ]; then echo "$1" >/run/gate/reached; exec sleep 1000; fi
  ;;
esac
exec /run/gate/docker "$@"
`

let engine: ReadonlyArray<string>

beforeAll(async () => {
  const h1 = hosts.server("h1")
  engine = h1.processes().find(({ words }) => words[0]?.endsWith("/dockerd") === true)?.words ?? []
  const install =
    'mkdir /run/gate && cd /run/gate && cat >wrapper && chmod 755 wrapper && at=$(readlink -f "$(command -v docker)") && ' +
    "touch docker && mount --bind $at docker && mount --bind wrapper $at"
  await h1.run(["sh", "-c", install], { stdin: gate })
})

/** Makes the server stop before this call of the next deploy. */
const stopAt = (number: number) =>
  hosts.server("h1").run(["sh", "-c", `cd /run/gate && rm -f reached && echo 0 >count && echo ${number} >at`])

/** Kills every process of the server at once, and starts the engine and sshd as a boot does. */
const reboot = async () => {
  const h1 = hosts.server("h1")
  await h1.try(["sh", "-c", "kill -9 -1"])
  // What does not outlive a boot: mounts of containers, and files in /run and /tmp.
  await h1.run([
    "sh",
    "-c",
    "cut -d' ' -f2 /proc/mounts | grep -E '^/run/(docker|containerd)/|/docker/.*/(merged|shm)$' | xargs -r umount -l; " +
      "rm -rf /run/docker* /run/containerd /run/sshd.pid /tmp/jiji-*"
  ])
  await h1.run([
    "sh",
    "-c",
    'mkdir -p /run/docker; TMPDIR=/run/docker setsid -f "$@" >/run/engine.log 2>&1',
    "sh",
    ...engine
  ])
  await until(
    () => h1.try(["/run/gate/docker", "ps"]),
    ({ code }) => code === 0
  )
  await h1.startSshd()
}

const strategies = {
  trial: { ports: ["8080:80"], volumes: [] },
  stop: { ports: ["8080:80"], volumes: ["files:/data"] },
  // No port keeps the old and the new container from running at the same time.
  data: { ports: ["80"], volumes: ["files:/data"] },
  beside: { ports: ["80"], volumes: [] }
}
/** The calls of a replacement, in order. */
const calls: Readonly<Record<keyof typeof strategies, ReadonlyArray<string>>> = {
  trial: ["create", "start", "rm", "create", "update", "stop", "start", "update", "stop", "rm", "rename"],
  stop: ["create", "update", "stop", "start", "update", "stop", "rm", "rename"],
  data: ["create", "update", "stop", "start", "update", "stop", "rm", "rename"],
  beside: ["create", "start", "update", "stop", "rm", "rename"]
}

const write = (strategy: keyof typeof strategies, version: string) =>
  writeProject(hosts, {
    name: strategy,
    image: { page: version },
    config: { services: { web: { ...strategies[strategy], health: { running_for: "0s", timeout: "60s" } } } }
  })

/** The page that the service serves, wherever its port is. */
const served = async (strategy: keyof typeof strategies): Promise<string> => {
  const h1 = hosts.server("h1")
  if (strategies[strategy].ports.includes("8080:80")) return page(hosts, h1)
  const running = (await containersOf(h1, strategy)).filter(({ state }) => state === "running")
  for (const { id } of running) {
    const { stdout } = await h1.try(["/run/gate/docker", "port", id, "80/tcp"])
    const port = /:(\d+)$/m.exec(stdout)?.[1]
    if (port !== undefined) return page(hosts, h1, Number(port))
  }
  return "nothing runs"
}

const isVersion = (text: string) => /^v\d+$/.test(text)

for (const strategy of ["trial", "stop", "data", "beside"] as const) {
  let version = 0
  const deploy = async () => {
    version += 1
    return write(strategy, `v${version}`)
  }

  test(`${strategy}: the first deploy works, and a replacement makes the calls that the next tests stop at`, async () => {
    await stopAt(0)
    done(await (await deploy()).jiji(["deploy"]))
    await stopAt(0)
    done(await (await deploy()).jiji(["deploy"]))
    expect(await hosts.server("h1").run(["cat", "/run/gate/count"])).toBe(`${calls[strategy].length}`)
  })

  for (const [index, call] of calls[strategy].entries())
    test(`${strategy}: a reboot before call ${index + 1}, ${call}, brings back a version that serves, and the next deploy completes`, async () => {
      await stopAt(index + 1)
      const before = version
      const project = await deploy()
      const run = project.start(["deploy"])
      const h1 = hosts.server("h1")
      await until(
        () => h1.try(["cat", "/run/gate/reached"]),
        ({ stdout }) => stdout === `${call}\n`
      )
      await reboot()
      const pages = [`v${before}`, `v${version}`]
      expect(pages).toContain(await until(() => served(strategy), isVersion))
      if (strategy !== "beside") {
        const running = (await containersOf(h1, strategy)).filter(({ state }) => state === "running")
        expect(running).toHaveLength(1)
      }
      expect((await run.done).code).not.toBe(0)

      await stopAt(0)
      done(await project.jiji(["deploy"]))
      expect(await served(strategy)).toBe(`v${version}`)
      const policy = ["inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", `${strategy}-web`]
      expect(await h1.run(["/run/gate/docker", ...policy])).toBe("unless-stopped")
      expect((await containersOf(h1, strategy)).map(({ name, state }) => `${name} ${state}`)).toEqual([
        `${strategy}-web running`
      ])
    })

  // The next strategy uses the same port.
  test(`${strategy}: removes its container`, async () => {
    await hosts.server("h1").run(["/run/gate/docker", "rm", "--force", `${strategy}-web`])
    expect(await containersOf(hosts.server("h1"), strategy)).toEqual([])
  })
}
