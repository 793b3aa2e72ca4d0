// Compares `jiji rollback` with a deploy of a small change to the same four servers: `bun bench/rollback.ts [--rounds 5]`. Needs
// root and Debian, like the end-to-end tests.
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { stringify } from "yaml"
import { startHosts } from "../test/e2e/Hosts.ts"
import { writeContext } from "../test/e2e/Image.ts"
import { printRounds, report } from "./shared/figures.ts"
import { compileJiji } from "./shared/jiji.ts"
import { interleave, median, ratio } from "./shared/rounds.ts"

const { values: flags } = parseArgs({ options: { rounds: { type: "string", default: "5" } } })

const jiji = compileJiji()
const servers = ["h1", "h2", "h3", "h4"].map((name) => ({ name, engine: "docker" }) as const)
const hosts = await startHosts({ servers })
try {
  const root = join(hosts.folder, "back")
  mkdirSync(join(root, ".jiji"), { recursive: true })
  const deployFile = {
    project: "back",
    builder: { engine: "docker", local: true, registry: { type: "local" } },
    ssh: { user: "root", keys: [hosts.key], known_hosts: join(root, "known_hosts") },
    servers: Object.fromEntries(hosts.servers.map(({ ip, name }) => [name, { host: ip }])),
    services: {
      web: { build: { context: "./web" }, hosts: servers.map(({ name }) => name), health: { running_for: "0s" } }
    }
  }
  writeFileSync(join(root, ".jiji/deploy.yml"), stringify(deployFile))
  const run = async (...args: ReadonlyArray<string>) => {
    await Bun.spawn(["sync"]).exited // pending writes must not count toward anyone's time
    const { code, milliseconds, stderr, stdout } = await hosts.operator.start([jiji, ...args], { cwd: root }).done
    if (code !== 0) throw new Error(`jiji ${args.join(" ")} exited with code ${code}\n${stdout}${stderr}`)
    return milliseconds / 1000
  }
  let version = 0
  const deploy = () => {
    version += 1
    writeContext(join(root, "web"), { page: `${version}` })
    return run("deploy", "--version", `v${version}`)
  }
  await deploy()
  await deploy()
  const times = await interleave(Number(flags.rounds), { deploy, rollback: () => run("rollback") })
  printRounds("deploy", times.deploy, median(times.deploy), "s")
  printRounds("rollback", times.rollback, median(times.rollback), "s")
  report(
    { name: "rollback, 4 servers: time", value: median(times.rollback), unit: "s", most: 2 },
    {
      name: "rollback, 4 servers: time against the deploy of a small change",
      value: ratio(times.rollback, times.deploy),
      unit: "times",
      most: 0.5
    }
  )
} finally {
  await hosts.close()
}
