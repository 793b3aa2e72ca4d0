// Measures `jiji ps` and `jiji logs` on real servers: `bun bench/look.ts [--seconds 20] [--rounds 5] [--only slow|ps|logs]`. Needs root and Debian, like the
// end-to-end tests.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { stringify } from "yaml"
import type { Running } from "../test/e2e/Command.ts"
import { startHosts } from "../test/e2e/Hosts.ts"
import { writeContext } from "../test/e2e/Image.ts"
import { print, printRounds, report } from "./shared/figures.ts"
import { compileJiji } from "./shared/jiji.ts"
import { interleave, median, ratio } from "./shared/rounds.ts"
import { watch } from "./shared/watch.ts"

const { values: flags } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    rounds: { type: "string", default: "5" },
    only: { type: "string" }
  }
})
const seconds = Number(flags.seconds)

/** Writes 1,000 numbered lines a second: 100 every 100 ms, on time even if a round took long. */
const chatter = `
trap 'exit 0' TERM
n=0 rounds=0
began=$(date +%s)
while :; do
  i=0
  while [ $i -lt 100 ]; do i=$((i + 1)) n=$((n + 1)); echo "line $n of a service that has much to say about its requests"; done
  rounds=$((rounds + 1))
  [ $rounds -gt $((($(date +%s) - began) * 10)) ] && sleep 0.1
done`

const jiji = compileJiji()
const servers = ["h1", "h2", "h3", "h4"].map((name) => ({ name, engine: "docker" }) as const)
const hosts = await startHosts({ servers })

/** A project whose services run a command on all servers. Returns its folder. */
const deploy = async (project: string, services: ReadonlyArray<string>, command: string): Promise<string> => {
  const root = join(hosts.folder, project)
  mkdirSync(join(root, ".jiji"), { recursive: true })
  writeContext(join(root, "web"), { page: project })
  const service = {
    build: { context: "./web" },
    hosts: servers.map(({ name }) => name),
    command: ["/bin/busybox", "sh", "-c", command],
    health: { running_for: "0s" }
  }
  const deployFile = {
    project,
    builder: { engine: "docker", local: true, registry: { type: "local" } },
    ssh: { user: "root", keys: [hosts.key], known_hosts: join(root, "known_hosts") },
    servers: Object.fromEntries(hosts.servers.map(({ ip, name }) => [name, { host: ip }])),
    services: Object.fromEntries(services.map((name) => [name, service]))
  }
  writeFileSync(join(root, ".jiji/deploy.yml"), stringify(deployFile))
  await hosts.operator.run([jiji, "deploy", "--version", "v1"], { cwd: root })
  return root
}

const ssh = (ip: string, ...words: ReadonlyArray<string>) => [
  "ssh",
  "-F",
  "none",
  "-i",
  hosts.key,
  "-o",
  "StrictHostKeyChecking=no",
  "-o",
  "UserKnownHostsFile=/dev/null",
  "-o",
  "LogLevel=ERROR",
  `root@${ip}`,
  ...words
]

const stop = async (running: Running) => {
  running.kill("SIGINT")
  return await running.done
}

/** Lets a command run for a while, and returns what it printed and used. */
const during = async (words: ReadonlyArray<string>, cwd: string) => {
  const running = hosts.operator.start(words, { cwd })
  const usage = watch(() => running.pid, running.done)
  await Bun.sleep(seconds * 1000)
  const { stdout } = await stop(running)
  return { ...(await usage), stdout }
}

const figuresOfPs = async () => {
  const root = await deploy(
    "ten",
    Array.from({ length: 10 }, (_, n) => `web${n}`),
    "trap 'exit 0' TERM; sleep 100000 & wait"
  )
  const [first] = hosts.servers
  const times = await interleave(Number(flags.rounds), {
    jiji: async () => (await hosts.operator.start([jiji, "ps"], { cwd: root }).done).milliseconds,
    ssh: async () => (await hosts.operator.start(ssh(first?.ip ?? "", "docker", "ps")).done).milliseconds
  })
  printRounds("jiji ps", times.jiji, median(times.jiji), "ms")
  printRounds("ssh docker ps", times.ssh, median(times.ssh), "ms")
  report({
    name: "jiji ps, 4 servers with 10 services: time against one ssh docker ps",
    value: ratio(times.jiji, times.ssh),
    unit: "times",
    most: 1.5
  })
  for (const host of hosts.servers) await host.run(["sh", "-c", "docker rm -f $(docker ps -aq) >/dev/null"])
}

/** How many lines of each server are missing, and how many are double. */
const faults = (stdout: string) => {
  const numbers = new Map<string, Array<number>>()
  for (const line of stdout.slice(0, stdout.lastIndexOf("\n")).split("\n")) {
    const { server, text }: { readonly server: string; readonly text: string } = JSON.parse(line)
    const all = numbers.get(server) ?? []
    numbers.set(server, all)
    all.push(Number(text.split(" ")[1]))
  }
  let [lines, lost, double] = [0, 0, 0]
  for (const all of numbers.values()) {
    lines += all.length
    const different = new Set(all)
    double += all.length - different.size
    lost += Math.max(...all) - Math.min(...all) + 1 - different.size
  }
  return { lines, lost, double }
}

const figuresOfLogs = async () => {
  const root = await deploy("chatter", ["web"], chatter)
  const followed = await during([jiji, "logs", "-f", "--json"], root)
  const { double, lines, lost } = faults(followed.stdout)
  const others = await Promise.all(
    hosts.servers.map(({ ip }) =>
      during(ssh(ip, "docker", "logs", "--follow", "--timestamps", "--tail", "100", "chatter-web"), root)
    )
  )
  const [own, theirs] = [followed.cpuSeconds, others.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)]
  print(
    `${lines} lines in ${seconds} s: jiji took ${own.toFixed(2)} s of a processor, four times ssh ${theirs.toFixed(2)} s`
  )
  report(
    {
      name: "jiji logs -f, 4,000 lines a second: lost or double lines",
      value: lost + double,
      unit: "a server",
      most: 0
    },
    {
      name: "the same: processor beyond ssh's, of one core",
      value: ((own - theirs) / seconds) * 100,
      unit: "%",
      most: 10
    },
    { name: "the same: peak memory", value: followed.megabytes, unit: "MB", most: 120 }
  )
}

/** Nobody reads what jiji prints of long logs: everything has to wait. */
const figuresOfSlowReader = async () => {
  const line = "a line of a service that has much to say about each of its requests"
  const root = await deploy("long", ["web"], `yes '${line}' | head -n 500000; trap 'exit 0' TERM; sleep 100000 & wait`)
  const pidFile = join(root, "pid")
  const command = `"$0" logs -n all > >(sleep ${seconds + 5}) & echo $! >pid; wait`
  const slow = hosts.operator.start(["bash", "-c", command, jiji], { cwd: root })
  await Bun.sleep(seconds * 1000)
  // The hosts have their own process ids, so ask there.
  const pid = readFileSync(pidFile, "utf8").trim()
  const status = await hosts.operator.run(["cat", `/proc/${pid}/status`])
  await hosts.operator.run(["kill", "-INT", pid])
  await slow.done
  const value = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? "0") / 1024
  report({ name: "jiji logs, 4 logs of 500,000 lines, nobody reads: peak memory", value, unit: "MB", most: 150 })
}

try {
  if (flags.only === undefined || flags.only === "slow") await figuresOfSlowReader()
  if (flags.only === undefined || flags.only === "ps") await figuresOfPs()
  if (flags.only === undefined || flags.only === "logs") await figuresOfLogs()
} finally {
  await hosts.close()
}
