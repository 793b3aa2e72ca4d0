// Compares how long nothing answers while jiji replaces a container with a fixed port, and while the engine stops and starts
// the same container: `bun bench/gap.ts [--rounds 5]`. Needs root and Debian, like the end-to-end tests.
import { join } from "node:path"
import { parseArgs } from "node:util"
import { startHosts } from "../test/e2e/Hosts.ts"
import { done } from "../test/e2e/observe.ts"
import { writeProject } from "../test/e2e/Project.ts"
import { until } from "../test/support/waiting.ts"
import { printRounds, report } from "./shared/figures.ts"
import { interleave, median, ratio } from "./shared/rounds.ts"

const { values: flags } = parseArgs({ options: { rounds: { type: "string", default: "5" } } })
const rounds = Number(flags.rounds)

/** What keeps two containers of a service from running at the same time. */
const services = { "a fixed port": {}, "a fixed port and data": { volumes: ["files:/data"] } } as const

const hosts = await startHosts({
  servers: [
    { name: "h1", engine: "docker" },
    { name: "h2", engine: "podman" }
  ]
})
try {
  for (const host of hosts.servers) {
    for (const [name, more] of Object.entries(services)) {
      let version = 0
      const deploy = async () => {
        version += 1
        const web = { ...more, hosts: [host.name], health: { running_for: "0s" } }
        const project = writeProject(hosts, {
          name: "gap",
          image: { page: `v${version}` },
          config: { services: { web } }
        })
        const { stdout } = done(await project.jiji(["deploy", "--json"]))
        return Number(/"gap":([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN)
      }
      await deploy()
      const probe = hosts.operator.start([
        process.execPath,
        join(import.meta.dir, "shared/probe.ts"),
        `http://${host.ip}:8080/`
      ])
      await probe.waitFor(/up/)

      /** Seconds in which nothing answers during some work. */
      const gapDuring = async <A>(work: () => Promise<A>) => {
        const before = probe.output.length
        const result = await work()
        const printed = await until(
          () => probe.output.slice(before),
          (text) => /^down [\d.]+\n(?:.*\n)*up [\d.]+\n$/.test(text)
        )
        // A busy machine may also answer late for a moment, so the longest time counts.
        const times = [...printed.matchAll(/down ([\d.]+)\nup ([\d.]+)/g)].map(
          ([, down, up]) => Number(up) - Number(down)
        )
        return { seconds: Math.max(...times) / 1000, result }
      }

      const results = await interleave(rounds, {
        jiji: () => gapDuring(deploy),
        bare: () =>
          gapDuring(async () => {
            await host.run(["sh", "-c", `${host.engine} stop gap-web && ${host.engine} start gap-web`])
            return Number.NaN
          })
      })
      probe.kill("SIGKILL")
      const [ours, bare] = [results.jiji, results.bare].map((all) => all.map(({ seconds }) => seconds))
      const reported = results.jiji.map(({ result }) => result)
      const title = `${host.engine}, ${name}`
      for (const [who, values] of [
        ["jiji", ours],
        ["stop and start", bare],
        ["jiji reports", reported]
      ] as const) {
        printRounds(who, values ?? [], median(values ?? []), "s")
      }
      report({
        name: `${title}: gap against stop and start`,
        value: ratio(ours ?? [], bare ?? []),
        unit: "times",
        most: 1.2
      })
      await host.run([host.engine, "rm", "--force", "gap-web"])
    }
  }
} finally {
  await hosts.close()
}
