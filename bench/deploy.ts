// Compares deploys by jiji with deploys by scripts, on real servers: `bun bench/deploy.ts [--rounds 5] [--quick] [--only NAME]`.
// Needs root and Debian, like the end-to-end tests. Prints the time of each contender, and what it starts on a server.
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Hosts, startHosts } from "../test/e2e/Hosts.ts"
import { writeContext } from "../test/e2e/Image.ts"
import { type Contender, contendersOn, startRegistryContainer } from "./shared/contenders.ts"
import { type Figure, print, report } from "./shared/figures.ts"
import { compileJiji } from "./shared/jiji.ts"
import { countStarted, type Started, startCounting } from "./shared/processes.ts"
import { interleave, median, ratio } from "./shared/rounds.ts"
import { watch } from "./shared/watch.ts"

const { values: flags } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, quick: { type: "boolean" }, only: { type: "string" } }
})
const rounds = Number(flags.rounds)
const large = flags.quick === true ? 20 : 200

type Script = Parameters<typeof contendersOn>[1]["scripts"][number]

interface Scenario {
  readonly name: string
  readonly servers: number
  readonly services: number
  /** What a developer has changed since the last deploy. */
  readonly change: "page" | "nothing" | "layer"
  /** The scripts that jiji is compared with, and the highest ratio of times that is good enough, if any. */
  readonly against: Readonly<Partial<Record<Script, number | undefined>>>
}

const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "small change, 4 servers",
    servers: 4,
    services: 1,
    change: "page",
    against: { script: 0.9, kamalLike: 0.35, saveLoad: undefined }
  },
  {
    name: "small change, 1 server",
    servers: 1,
    services: 1,
    change: "page",
    against: { script: 0.9, kamalLike: undefined, saveLoad: undefined }
  },
  {
    name: "nothing changed, 4 servers",
    servers: 4,
    services: 1,
    change: "nothing",
    against: { script: 0.15, kamalLike: undefined }
  },
  {
    name: `new ${large} MB layer, 4 servers`,
    servers: 4,
    services: 1,
    change: "layer",
    against: { script: 0.6, saveLoad: undefined }
  },
  {
    name: `new ${large} MB layer, 1 server`,
    servers: 1,
    services: 1,
    change: "layer",
    against: { script: 0.6, kamalLike: undefined, saveLoad: 0.9 }
  },
  { name: "20 services, 1 server", servers: 1, services: 20, change: "page", against: { script: 0.8 } }
]

interface Deployed extends Started {
  readonly milliseconds: number
}

const writeContexts = (contender: Contender, services: ReadonlyArray<string>, page: string, megabytes?: number) => {
  for (const service of services) {
    writeContext(join(contender.context, service), {
      page: `<h1>${contender.name} ${service} ${page}</h1>`,
      ...(megabytes === undefined ? {} : { megabytes })
    })
  }
}

/** Deploys, and counts what that starts on a server. */
const deploy = async (contender: Contender, servers: Hosts["servers"], version: string): Promise<Deployed> => {
  await Bun.spawn(["sync"]).exited // pending writes must not count toward anyone's time
  await Promise.all(servers.map(countStarted))
  const { code, milliseconds, stderr, stdout } = await contender.start(version).done
  if (code !== 0) throw new Error(`${contender.name} exited with code ${code}\n${stdout}${stderr}`)
  const started = await Promise.all(servers.map(countStarted))
  const clients = median(started.map(({ clients }) => clients))
  const processes = median(started.map(({ processes }) => processes))
  return { milliseconds, clients, processes }
}

/** Removes what the scripts leave behind, so that the disk does not fill. jiji cleans up itself. */
const tidy = async (hosts: Hosts) => {
  const images = "docker images --format '{{.Repository}}:{{.Tag}}' | grep -E '^(localhost:5000/|bench-save)'"
  // Images that containers use stay.
  const remove = `${images} | xargs --no-run-if-empty docker rmi; docker image prune --force`
  await Promise.all([hosts.operator, ...hosts.servers].map((host) => host.try(["sh", "-c", remove])))
}

const removeContainers = (hosts: Hosts) =>
  Promise.all(
    hosts.servers.map((host) =>
      host.run(["sh", "-c", "docker ps --all --quiet | xargs --no-run-if-empty docker rm --force"])
    )
  )

const measure = async (hosts: Hosts, jiji: string, scenario: Scenario): Promise<ReadonlyArray<Figure>> => {
  const { against, change, name } = scenario
  const servers = hosts.servers.slice(0, scenario.servers)
  const services = scenario.services === 1 ? ["web"] : Array.from({ length: scenario.services }, (_, n) => `s${n}`)
  // Object.keys forgets the type of the keys.
  const scripts = Object.keys(against) as Array<Script>
  const project = `bench${scenarios.indexOf(scenario)}`
  const contenders = contendersOn(hosts, { jiji, project, servers, services, scripts })
  let turns = 0
  const turnOf = (contender: Contender) => () => {
    turns += 1
    if (turns <= contenders.length || change !== "nothing") {
      writeContexts(contender, services, `${turns}`, change === "layer" ? large : undefined)
    }
    // jiji sees that it would start the same again. The scripts do not, and need another name.
    return deploy(contender, servers, change === "nothing" && contender.name === "jiji" ? "same" : `v${turns}`)
  }
  const turnsByName = Object.fromEntries(contenders.map((contender) => [contender.name, turnOf(contender)]))
  const results = await interleave(rounds, turnsByName, () => tidy(hosts))
  await removeContainers(hosts)
  await tidy(hosts)
  const all = (contender: string, of: keyof Deployed) => (results[contender] ?? []).map((run) => run[of])
  print(`\n${name}, median of ${rounds} rounds`)
  for (const contender of ["jiji", ...scripts]) {
    const seconds = (median(all(contender, "milliseconds")) / 1000).toFixed(2).padStart(6)
    const [clients, processes] = [median(all(contender, "clients")), median(all(contender, "processes"))]
    print(`  ${contender.padEnd(10)}${seconds} s   on each server ${clients} engine clients, ${processes} processes`)
  }
  return scripts.map((script) => {
    const most = against[script]
    const value = ratio(all("jiji", "milliseconds"), all(script, "milliseconds"))
    return { name: `${name}: time against ${script}`, value, unit: "times", ...(most === undefined ? {} : { most }) }
  })
}

const measureMemory = async (hosts: Hosts, jiji: string): Promise<Figure> => {
  const megabytes = flags.quick === true ? 100 : 1024
  const options = { jiji, project: "memory", servers: hosts.servers, services: ["web"], scripts: [] }
  const [contender] = contendersOn(hosts, options)
  if (contender === undefined) throw new Error("jiji is missing")
  writeContexts(contender, ["web"], "large", megabytes)
  const running = contender.start("large")
  const { megabytes: value } = await watch(() => running.pid, running.done)
  const { code, stderr } = await running.done
  if (code !== 0) throw new Error(`deploying a layer of ${megabytes} MB failed with exit code ${code}\n${stderr}`)
  return { name: `new ${megabytes} MB layer, 4 servers: peak memory`, value, unit: "MB", most: 200 }
}

const jiji = compileJiji()
const hosts = await startHosts({ servers: [1, 2, 3, 4].map((number) => ({ name: `h${number}`, engine: "docker" })) })
try {
  await startRegistryContainer(hosts)
  await Promise.all(hosts.servers.map(startCounting))
  for (const scenario of scenarios) {
    if (scenario.name.includes(flags.only ?? "")) report(...(await measure(hosts, jiji, scenario)))
  }
  if (flags.only === undefined) report(await measureMemory(hosts, jiji))
} finally {
  await hosts.close()
}
