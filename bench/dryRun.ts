// Measures `jiji deploy --dry-run` for 1,000 servers: `bun bench/dryRun.ts [SERVERS]`. Needs no engine and no server.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stringify } from "yaml"
import { printRounds, report } from "./shared/figures.ts"
import { compileJiji } from "./shared/jiji.ts"
import { watch } from "./shared/watch.ts"
import { interleave, median } from "./shared/rounds.ts"

const count = Number(process.argv[2] ?? 1000)
const jiji = compileJiji()
const folder = mkdtempSync(join(tmpdir(), "jiji-dry-run-"))

const dryRun = async () => {
  const began = performance.now()
  const child = Bun.spawn([jiji, "deploy", "--dry-run", "--version", "v1"], {
    cwd: folder,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe"
  })
  const output = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  const { megabytes } = await watch(() => child.pid, child.exited)
  const seconds = (performance.now() - began) / 1000
  const [stdout, stderr] = await output
  if (child.exitCode !== 0) throw new Error(`the dry run exited with code ${child.exitCode}\n${stderr}`)
  if (!stdout.includes(`web${count}`)) throw new Error("the dry run does not mention the last server")
  return { megabytes, seconds }
}

try {
  mkdirSync(join(folder, ".jiji"))
  mkdirSync(join(folder, "web"))
  writeFileSync(join(folder, "web/Dockerfile"), "FROM scratch\n")
  const names = Array.from({ length: count }, (_, n) => `web${n + 1}`)
  const deployFile = {
    project: "bench",
    servers: Object.fromEntries(names.map((name, n) => [name, { host: `10.0.${n >> 8}.${n & 255}` }])),
    services: { web: { build: { context: "./web" }, hosts: names } }
  }
  writeFileSync(join(folder, ".jiji/deploy.yml"), stringify(deployFile))
  const { jiji: runs } = await interleave(5, { jiji: dryRun })
  const [seconds, megabytes] = [runs.map((run) => run.seconds), runs.map((run) => run.megabytes)]
  printRounds("time", seconds, median(seconds), "s")
  printRounds("peak memory", megabytes, median(megabytes), "MB")
  report(
    { name: `dry run of ${count} servers: time`, value: median(seconds), unit: "s", most: 1 },
    { name: `dry run of ${count} servers: peak memory`, value: median(megabytes), unit: "MB", most: 120 }
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
