// Compares a deploy to many servers with a deploy to one, all of them 50 ms away:
// `bun bench/servers.ts [--servers 100] [--rounds 3] [--delay 50]`. Needs root and Debian, like the end-to-end tests.
// The servers are simulated: each has a network, a file system and an sshd of its own, but no engine. One process answers
// for all engines. It takes as long as real ones do, but costs this machine little.
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import { mkdirSync, writeFileSync } from "node:fs"
import { stringify } from "yaml"
import { type Hosts, startHosts } from "../test/e2e/Hosts.ts"
import type { ServerHost } from "../test/e2e/Host.ts"
import { writeContext } from "../test/e2e/Image.ts"
import { print, printRounds, report } from "./shared/figures.ts"
import { compileJiji } from "./shared/jiji.ts"
import { interleave, median, ratio } from "./shared/rounds.ts"
import { watch } from "./shared/watch.ts"

const { values: flags } = parseArgs({
  options: {
    servers: { type: "string", default: "100" },
    rounds: { type: "string", default: "3" },
    /** The time of a round trip, in milliseconds. */
    delay: { type: "string", default: "50" }
  }
})
const count = Number(flags.servers)

/** Gives servers without an engine a simulated one, and returns how they can be reached: over a slow link. */
const simulate = async (hosts: Hosts): Promise<ReadonlyMap<ServerHost, number>> => {
  const folder = dirname(hosts.folder)
  const engines = hosts.servers.map(({ name }) => join(folder, name, "run"))
  const program = join(import.meta.dir, "simulated/engines.ts")
  const simulation = hosts.operator.start([process.execPath, program, ...engines], { timeout: 3_600_000 })
  await simulation.waitFor("listening")
  // On these hosts, an empty file is mounted over each.
  const clients = (await hosts.operator.run(["bash", "-c", "type -ap docker"])).split("\n").join(" ")
  const docker = join(import.meta.dir, "simulated/docker.pl")
  const loopback = `perl ${join(import.meta.dir, "simulated/loopback.pl")} /run/loopback.sock </dev/null >/dev/null 2>&1 &`
  const prepare = `for program in ${clients}; do mount --bind ${docker} $program; done; ${loopback}`
  for (const server of hosts.servers) await server.run(["bash", "-c", prepare])
  const targets = hosts.servers.map(({ ip }) => `${ip}:22`)
  const relay = hosts.operator.start(
    [process.execPath, join(import.meta.dir, "../test/e2e/relay.ts"), `${Number(flags.delay) / 2}`, "0", ...targets],
    { timeout: 3_600_000 }
  )
  await relay.waitFor(/listening .*\n/)
  const ports = /listening (.*)/.exec(relay.output)?.[1]?.split(" ") ?? []
  return new Map(hosts.servers.map((server, index) => [server, Number(ports[index])]))
}

/** Writes a project for some servers, and returns a function that deploys a small change to them. */
const projectOn = (hosts: Hosts, jiji: string, name: string, ports: ReadonlyArray<number>) => {
  const root = join(hosts.folder, name)
  mkdirSync(join(root, ".jiji"), { recursive: true })
  const names = ports.map((_, index) => `web${index}`)
  const deployFile = {
    project: name,
    builder: { engine: "docker", local: true, registry: { type: "local" } },
    ssh: { user: "root", keys: [hosts.key], known_hosts: join(root, "known_hosts") },
    servers: Object.fromEntries(ports.map((port, index) => [names[index], { host: "127.0.0.1", port }])),
    services: { web: { build: { context: "./web" }, hosts: names, health: { running_for: "0s" } } }
  }
  writeFileSync(join(root, ".jiji/deploy.yml"), stringify(deployFile))
  let version = 0
  return async () => {
    version += 1
    writeContext(join(root, "web"), { page: `${name} ${version}` })
    const running = hosts.operator.start([jiji, "deploy", "--version", `v${version}`], { cwd: root })
    const usage = await watch(() => running.pid, running.done)
    const { code, milliseconds, stderr, stdout } = await running.done
    if (code !== 0) throw new Error(`the deploy exited with code ${code}\n${stdout}${stderr}`)
    return { ...usage, seconds: milliseconds / 1000 }
  }
}

const jiji = compileJiji()
const servers = Array.from({ length: count + 1 }, (_, n) => ({ name: `s${n}`, engine: "none" }) as const)
const hosts = await startHosts({ servers })
try {
  print(`${count + 1} hosts are ready`)
  const [first = 0, ...others] = [...(await simulate(hosts)).values()]
  const { many, one } = await interleave(Number(flags.rounds), {
    one: projectOn(hosts, jiji, "one", [first]),
    many: projectOn(hosts, jiji, "many", others)
  })
  const [ofOne, ofMany] = [one.map(({ seconds }) => seconds), many.map(({ seconds }) => seconds)]
  const memory = median(many.map(({ megabytes }) => megabytes))
  printRounds("1 server", ofOne, median(ofOne), "s")
  printRounds(`${count} servers`, ofMany, median(ofMany), "s")
  const cpuOf = (runs: typeof many) => median(runs.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2)
  print(`jiji's own processor time: ${cpuOf(one)} s for 1 server, ${cpuOf(many)} s for ${count}`)
  const title = `${count} servers, ${flags.delay} ms away`
  report(
    { name: `${title}: time against 1 server`, value: ratio(ofMany, ofOne), unit: "times", most: 1.5 },
    { name: `${title}: peak memory`, value: memory, unit: "MB", most: 120 }
  )
} finally {
  await hosts.close()
}
