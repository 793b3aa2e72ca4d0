import { beforeAll, expect, test } from "bun:test"
import { until } from "../support/waiting.ts"
import type { HostSpec, ServerHost } from "./Host.ts"
import { containersOf, done, page } from "./observe.ts"
import { writeProject } from "./Project.ts"
import { withHosts } from "./withHosts.ts"

const strategies = {
  trial: { ports: ["8080:80"], volumes: [] },
  stop: { ports: ["8080:80"], volumes: ["files:/data"] },
  // No port keeps the old and the new container from running at the same time.
  data: { ports: ["80"], volumes: ["files:/data"] },
  beside: { ports: ["80"], volumes: [] }
}

/** The page is the version, so that a new one needs no new image: nothing of this is about images. */
const serve = "echo -n $VERSION >/www/index.html; trap 'exit 0' TERM; httpd -f -p 80 -h /www & wait"

type Strategy = keyof typeof strategies
const names = ["trial", "stop", "data", "beside"] as const

interface Options {
  readonly engine: HostSpec["engine"]
  /** The calls of the engine that change containers, in a replacement, in order. Only these strategies are tested. */
  readonly calls: Partial<Readonly<Record<Strategy, ReadonlyArray<string>>>>
  /** The restart policy of a container that serves. */
  readonly policy: string
  /** Numbers of calls before which a reboot starts no container, by strategy. */
  readonly gaps?: Partial<Readonly<Record<Strategy, number>>>
  /** Removes what does not outlive a boot, and starts what the boot starts. `program` is the engine's. */
  readonly boot: (h1: ServerHost, program: string, before: ReadonlyArray<ReadonlyArray<string>>) => Promise<unknown>
}

/**
 * Stands in for the engine's program on the server: stops before a call that changes containers, for good, if its number
 * is in `at`.
 */
const gate = (program: string) => `#!/bin/sh
# Containers that keep a version never start.
case "$*" in create\\ *" --network none "* | rm\\ --volumes\\ *) exec ${program} "$@" ;; esac
case "$1 $2" in
  'update --help') ;;
  create\\ * | start\\ * | stop\\ * | update\\ * | rm\\ * | rename\\ *)
    count=$(($(cat /run/gate/count) + 1))
    echo "$count" >/run/gate/count
    if [ "$count" = "$(cat /run/gate/at)" ]; then echo "$1" >/run/gate/reached; exec sleep 1000; fi
    ;;
esac
exec ${program} "$@"
`

/** Cuts the power of a server before each call of a replacement, with every strategy. */
export const testReboots = ({ engine, calls, policy, gaps = {}, boot }: Options): void => {
  const hosts = withHosts({ h1: engine })
  const own = engine === "docker" ? "docker" : "podman"
  const program = `/run/gate/${own}`
  let before: ReadonlyArray<ReadonlyArray<string>> = []

  beforeAll(async () => {
    const h1 = hosts.server("h1")
    before = h1.processes().map(({ words }) => words)
    const install =
      `mkdir /run/gate && cd /run/gate && cat >wrapper && chmod 755 wrapper && at=$(readlink -f "$(command -v ${own})") && ` +
      `touch ${own} && mount --bind $at ${own} && echo 0 >count && echo 0 >at && mount --bind wrapper $at`
    await h1.run(["sh", "-c", install], { stdin: gate(program) })
  })

  /** Makes the server stop before this call of the next deploy. */
  const stopAt = (number: number) =>
    hosts.server("h1").run(["sh", "-c", `cd /run/gate && rm -f reached && echo 0 >count && echo ${number} >at`])

  /** Kills every process of the server at once, and boots it. */
  const reboot = async () => {
    const h1 = hosts.server("h1")
    await h1.try(["sh", "-c", "kill -9 -1"])
    await h1.run(["sh", "-c", "rm -rf /run/sshd.pid /tmp/jiji-*"])
    await boot(h1, program, before)
    await h1.startSshd()
  }

  const write = (strategy: Strategy, version: string) => {
    const web = {
      ...strategies[strategy],
      command: ["/bin/busybox", "sh", "-c", serve],
      environment: { clear: { VERSION: version } },
      health: { running_for: "0s", timeout: "60s" }
    }
    return writeProject(hosts, { name: strategy, image: { page: "no version" }, config: { services: { web } } })
  }

  const runningOf = async (strategy: Strategy) =>
    (await containersOf(hosts.server("h1"), strategy)).filter(({ state }) => state === "running")

  /** The page that the service serves, wherever its port is. */
  const served = async (strategy: Strategy): Promise<string> => {
    const h1 = hosts.server("h1")
    if (strategies[strategy].ports.includes("8080:80")) return page(hosts, h1)
    for (const { id } of await runningOf(strategy)) {
      const { stdout } = await h1.try([program, "port", id, "80/tcp"])
      const port = /:(\d+)$/m.exec(stdout)?.[1]
      if (port !== undefined) return page(hosts, h1, Number(port))
    }
    return "nothing runs"
  }

  const isVersion = (text: string) => /^v\d+$/.test(text)

  for (const strategy of names) {
    const steps = calls[strategy]
    if (steps === undefined) continue
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
      expect(await hosts.server("h1").run(["cat", "/run/gate/count"])).toBe(`${steps.length}`)
    })

    for (const [index, call] of steps.entries()) {
      const isGap = gaps[strategy] === index + 1
      const result = isGap ? "starts no container" : "brings back a version that serves"
      test(`${strategy}: a reboot before call ${index + 1}, ${call}, ${result}, and the next deploy completes`, async () => {
        await stopAt(index + 1)
        const before = version
        const project = await deploy()
        const run = project.start(["deploy"])
        const h1 = hosts.server("h1")
        await until(
          () => h1.read("/run/gate/reached"),
          (reached) => reached === `${call}\n`
        )
        await reboot()
        if (isGap) expect(await runningOf(strategy)).toEqual([])
        else {
          expect([`v${before}`, `v${version}`]).toContain(await until(() => served(strategy), isVersion))
          if (strategy !== "beside") expect(await runningOf(strategy)).toHaveLength(1)
        }
        expect((await run.done).code).not.toBe(0)

        await stopAt(0)
        done(await project.jiji(["deploy"]))
        expect(await served(strategy)).toBe(`v${version}`)
        const format = ["inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", `${strategy}-web`]
        expect(await h1.run([program, ...format])).toBe(policy)
        expect((await containersOf(h1, strategy)).map(({ name, state }) => `${name} ${state}`)).toEqual([
          `${strategy}-web running`
        ])
      })
    }

    test(`${strategy}: the last container also starts after a reboot`, async () => {
      await reboot()
      expect(await until(() => served(strategy), isVersion)).toBe(`v${version}`)
    })

    // The next strategy uses the same port.
    test(`${strategy}: removes its container`, async () => {
      await hosts.server("h1").run([program, "rm", "--force", `${strategy}-web`])
      expect(await containersOf(hosts.server("h1"), strategy)).toEqual([])
    })
  }
}
