// Measures services behind the proxy: `bun bench/proxy.ts [--rounds 10] [--only idle|load|hosts]`.
// - idle: what the switch adds to a deploy whose old container is idle
// - load: how many requests fail in redeploys, at 500 requests a second
// - hosts: how many fail when the proxy loads a new host name, at the same rate
// Needs root and Debian, like the end-to-end tests.
import { parseArgs } from "node:util"
import type { ServerHost } from "../test/e2e/Host.ts"
import { startHosts } from "../test/e2e/Hosts.ts"
import { done, outcomes } from "../test/e2e/observe.ts"
import { load, proxiedService, proxyImage, writeProxied } from "../test/e2e/proxied.ts"
import { buildProxyImage } from "../test/e2e/ProxyImage.ts"
import { print, printRounds, report } from "./shared/figures.ts"
import { interleave, median, ratio } from "./shared/rounds.ts"

const { values: flags } = parseArgs({
  options: { rounds: { type: "string", default: "10" }, only: { type: "string" } }
})
const rounds = Number(flags.rounds)
const isWanted = (part: "idle" | "load" | "hosts") => flags.only === undefined || flags.only === part

const hosts = await startHosts({
  servers: [
    { name: "docker", engine: "docker" },
    { name: "podman", engine: "podman" }
  ]
})

let version = 0
/** Deploys another version of a service to a server, and returns how long that took, in seconds. */
const redeploy = async (name: string, server: ServerHost, more: Record<string, unknown> = {}): Promise<number> => {
  version += 1
  const web = { ...proxiedService(`${name}.test`, `v${version}`), hosts: [server.name], ...more }
  const project = writeProxied(hosts, "page", web, {}, name)
  const run = done(await project.jiji(["deploy"]))
  if (!/^web \w+: (replaced|started)$/.test(outcomes(run).join())) throw new Error(run.stdout)
  return run.milliseconds / 1000
}

/** Sends 500 requests a second to a server during some work. Returns how many failed, on kept and on new connections. */
const underLoad = async (server: ServerHost, name: string, work: () => Promise<void>) => {
  const stop = load(hosts, server, `${name}.test`)
  const began = performance.now()
  await work()
  const { answered, failed, failures } = await stop()
  const seconds = (performance.now() - began) / 1000
  const sum = answered.reduce((all, count) => all + count, 0)
  for (const line of failed) print(`       ${line.trim()}`)
  const [kept = 0, anew = 0] = failures
  const rate = `${sum} requests, ${Math.round(sum / seconds)} a second`
  print(`       ${rate}; failed: ${kept} on kept connections, ${anew} on new ones`)
  return { kept, anew }
}

const times = async (count: number, work: (round: number) => Promise<unknown>) => {
  for (let round = 1; round <= count; round += 1) await work(round)
}

/** Compares a redeploy of a service behind the proxy with one of the same service without the proxy. */
const measureIdle = async (server: ServerHost) => {
  const apart = { proxy: undefined, health: { running_for: "0s" } }
  await redeploy("idle", server)
  const results = await interleave(rounds, {
    proxied: () => redeploy("idle", server),
    bare: () => redeploy("bare", server, apart)
  })
  const { bare, proxied } = results
  printRounds("behind the proxy", proxied, median(proxied), "s")
  printRounds("without it", bare, median(bare), "s")
  const added = median(proxied.map((seconds, round) => seconds - (bare[round] ?? Number.NaN)))
  report({ name: `${server.name}, idle: the switch adds`, value: added, unit: "s", most: 1 })
  report({ name: `${server.name}, idle: time against no proxy`, value: ratio(proxied, bare), unit: "times" })
}

/** Counts failed requests in redeploys. */
const measureLoad = async (server: ServerHost) => {
  for (const replicas of [1, 2]) {
    const name = `load${replicas}`
    await redeploy(name, server, { replicas })
    const others = {
      "": async () => {},
      ", while another project is deployed": async (isOver: () => boolean) => {
        while (!isOver()) await redeploy("other", server)
      }
    }
    for (const [title, other] of Object.entries(others)) {
      await redeploy("other", server)
      const { anew, kept } = await underLoad(server, name, async () => {
        let isOver = false
        const running = other(() => isOver)
        await times(rounds, () => redeploy(name, server, { replicas }))
        isOver = true
        await running
      })
      const what = `${server.name}: ${rounds} redeploys with ${replicas === 1 ? "one replica" : "two replicas"}${title}`
      report({ name: what, value: anew + kept, unit: "failed", most: 0 })
    }
  }
}

/**
 * Sends 500 requests a second to a server with `hey`, half of them on kept connections. `wrk` would also count connections that are
 * closed while no request is on them. Returns how many were answered, and what the others failed with.
 */
const steadyLoad = (server: ServerHost, name: string) => {
  const words = ["hey", ..."-z 600s -c 10 -q 25 -t 20 -host".split(" "), `${name}.test`]
  const runs = { kept: [], new: ["-disable-keepalive"] }
  const started = Object.entries(runs).map(
    ([kind, more]) => [kind, hosts.operator.start([...words, ...more, `http://${server.ip}/`])] as const
  )
  return async () => {
    for (const [, run] of started) run.kill("SIGINT")
    return Promise.all(
      started.map(async ([kind, run]) => {
        const [statuses = "", errors = ""] = (await run.done).stdout.split("Error distribution:")
        const answered = Number(/\[200\]\s+(\d+) responses/.exec(statuses)?.[1])
        const failures = [...errors.matchAll(/\[(\d+)\]\s+(.*)/g)]
        const other = [...statuses.matchAll(/\[(?!200)(\d{3})\]\s+(\d+) responses/g)]
        for (const [line] of [...failures, ...other]) print(`       ${line}`)
        const failed = [...failures.map(([, count]) => count), ...other.map(([, , count]) => count)]
        return { kind, answered, failed: failed.reduce((sum, count) => sum + Number(count), 0) }
      })
    )
  }
}

/** Counts failed requests to one project while another one brings new host names, for which the proxy has to reload. */
const measureHosts = async (server: ServerHost) => {
  await redeploy("steady", server)
  await redeploy("names", server)
  const stop = steadyLoad(server, "steady")
  const began = performance.now()
  await times(rounds, (round) => {
    const names = Array.from({ length: round }, (_, index) => `names${index}.test`)
    return redeploy("names", server, { proxy: { hosts: names, port: 80, tls: "off" } })
  })
  const results = await stop()
  const seconds = (performance.now() - began) / 1000
  const sum = results.reduce((all, { answered }) => all + answered, 0)
  print(`       ${sum} requests, ${Math.round(sum / seconds)} a second, ${rounds} new host names`)
  for (const { failed, kind } of results) {
    report({ name: `${server.name}: each new host name, ${kind} connections`, value: failed / rounds, unit: "failed" })
  }
}

try {
  await buildProxyImage(hosts.operator, { name: proxyImage })
  for (const server of hosts.servers) {
    if (isWanted("idle")) await measureIdle(server)
    if (isWanted("load")) await measureLoad(server)
    if (isWanted("hosts")) await measureHosts(server)
  }
} finally {
  await hosts.close()
}
