// Compares a deploy by jiji with the same deploy by a hand-written script: `bun bench/deploy.ts [--rounds 5] [--quick]`.
// Uses four servers and an operator's machine, each with its own engine, as in the end-to-end tests.
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { Running } from "../test/e2e/Command.ts"
import { type Hosts, startHosts } from "../test/e2e/Hosts.ts"
import { writeContext } from "../test/e2e/Image.ts"
import { writeProject } from "../test/e2e/Project.ts"

const { values: flags } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, quick: { type: "boolean" } }
})
const rounds = Number(flags.rounds)
const root = join(import.meta.dir, "..")
const print = (line: string) => process.stdout.write(`${line}\n`)

/** One way to deploy a build context that has just changed. */
interface Contender {
  readonly name: string
  readonly context: string
  start(version: string): Running
}

interface Scenario {
  readonly name: string
  readonly megabytes?: number
  /** The highest allowed ratio of the compiled jiji's time to the script's time. */
  readonly target: number
}

const scenarios: ReadonlyArray<Scenario> = [
  { name: "a changed page", target: 1.5 },
  {
    name: `a new layer of ${flags.quick === true ? 20 : 200} MB`,
    megabytes: flags.quick === true ? 20 : 200,
    target: 0.8
  }
]

/** Runs Debian's docker-registry in a container, like `docker run registry` but without a download. */
const startRegistryContainer = async (hosts: Hosts) => {
  const binary = join(root, ".tools/registry/usr/bin/docker-registry")
  const folder = join(hosts.folder, "registry")
  mkdirSync(folder)
  const libraries = (await hosts.operator.run(["ldd", binary])).match(/\/\S+(?= \()/g) ?? []
  const config = { version: "0.1", storage: { filesystem: { rootdirectory: "/data" } }, http: { addr: ":5000" } }
  await Bun.write(join(folder, "config.yml"), JSON.stringify(config))
  await hosts.operator.run(["cp", "--dereference", "--parents", binary, ...libraries, folder])
  const copies = libraries.map((path) => `COPY .${path} ${path}`).join("\n")
  const run = `VOLUME /data\nCMD ["/registry", "serve", "/config.yml"]`
  await Bun.write(
    join(folder, "Dockerfile"),
    `FROM scratch\n${copies}\nCOPY .${binary} /registry\nCOPY config.yml /\n${run}\n`
  )
  await hosts.operator.run(["docker", "build", "--tag", "registry", folder])
  await hosts.operator.run(["docker", "run", "--detach", "--publish", "127.0.0.1:5000:5000", "registry"])
}

const deploy = async (contender: Contender, scenario: Scenario, version: string): Promise<number> => {
  writeContext(contender.context, {
    page: `<h1>${contender.name} ${version}</h1>`,
    ...(scenario.megabytes === undefined ? {} : { megabytes: scenario.megabytes })
  })
  await Bun.spawn(["sync"]).exited // pending writes must not count toward anyone's time
  const result = await contender.start(version).done
  if (result.code !== 0)
    throw new Error(`${contender.name} exited with code ${result.code}\n${result.stdout}${result.stderr}`)
  return result.milliseconds
}

const median = (numbers: ReadonlyArray<number>): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  return ((sorted[Math.floor((sorted.length - 1) / 2)] ?? 0) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? 0)) / 2
}

/** The peak memory of a process in megabytes. Reads it while the process runs, because the kernel drops it at exit. */
const peakMemory = async (running: Running): Promise<number> => {
  let peak = 0
  const ended = new AbortController()
  void running.done.then(() => ended.abort())
  while (!ended.signal.aborted) {
    try {
      const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${running.pid}/status`, "utf8"))?.[1]
      peak = Math.max(peak, Number(kilobytes ?? 0) / 1024)
    } catch {
      // The process has not started yet, or has just ended.
    }
    await Bun.sleep(20)
  }
  return peak
}

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`

const hosts = await startHosts({ servers: [1, 2, 3, 4].map((number) => ({ name: `h${number}`, engine: "docker" })) })
try {
  await startRegistryContainer(hosts)
  const project = writeProject(hosts, {
    name: "bench",
    image: { page: "" },
    config: { services: { web: { ports: [], health: { running_for: "0s" } } } }
  })
  // Both jiji and the script get the version as an argument.
  const compiled = (version: string): Running =>
    hosts.operator.start([join(root, "dist/jiji"), "deploy", "--version", version], { cwd: project.root })
  const script = join(hosts.folder, "script")
  const contenders: ReadonlyArray<Contender> = [
    { name: "jiji", context: join(project.root, "web"), start: compiled },
    {
      name: "script",
      context: script,
      start: (version) =>
        hosts.operator.start([
          join(import.meta.dir, "script.sh"),
          hosts.key,
          script,
          version,
          ...hosts.servers.map(({ ip }) => ip)
        ])
    },
    {
      name: "jiji, source",
      context: join(project.root, "web"),
      start: (version) => project.start(["deploy", "--version", version])
    }
  ]

  print(`four servers, median of ${rounds} rounds\n`)
  print(
    `${"".padEnd(26)}${contenders.map(({ name }) => name.padStart(14)).join("")}${"ratio".padStart(9)}${"target".padStart(9)}`
  )
  let version = 0
  for (const scenario of scenarios) {
    const times = contenders.map((): Array<number> => [])
    // The first round does not count: it writes known_hosts, creates networks and fills caches.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [index, contender] of contenders.entries()) {
        version += 1
        const time = await deploy(contender, scenario, `v${version}`)
        if (round > 0) times[index]?.push(time)
      }
      for (const host of [hosts.operator, ...hosts.servers]) await host.run(["docker", "image", "prune", "--force"])
    }
    const medians = times.map(median)
    const ratio = (medians[0] ?? 0) / (medians[1] ?? 1)
    const figures = medians.map((time) => seconds(time).padStart(14)).join("")
    print(`${scenario.name.padEnd(26)}${figures}${ratio.toFixed(2).padStart(9)}${`≤ ${scenario.target}`.padStart(9)}`)
  }

  const gigabyte = flags.quick === true ? 100 : 1024
  writeContext(join(project.root, "web"), { page: "large", megabytes: gigabyte })
  const running = compiled("large")
  const peak = await peakMemory(running)
  const { code, stderr } = await running.done
  if (code !== 0) throw new Error(`deploying a layer of ${gigabyte} MB failed with exit code ${code}\n${stderr}`)
  print(`\npeak memory of jiji while four servers pull a layer of ${gigabyte} MB: ${peak.toFixed(0)} MB (target < 200)`)
} finally {
  await hosts.close()
}
