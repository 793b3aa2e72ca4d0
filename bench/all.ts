// Runs every bench and prints one table of what they measured: `bun bench/all.ts [--quick] [--rounds N] [NAME...]`.
// With --save, the table is also appended to bench/results.md. Needs root and Debian, like the end-to-end tests.
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { cpus, tmpdir, totalmem } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Figure, figuresFile, goalOf, isReached, print, valueOf } from "./shared/figures.ts"
import { compileJiji } from "./shared/jiji.ts"

const { positionals, values: flags } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean" }, rounds: { type: "string" }, save: { type: "boolean" } }
})

/** The arguments of each bench, in full and with --quick. */
const benches = {
  deploy: { full: [], quick: ["--quick", "--rounds", "2"] },
  servers: { full: [], quick: ["--servers", "20", "--rounds", "1"] },
  forward: { full: [], quick: ["100"] },
  look: { full: [], quick: ["--seconds", "10", "--rounds", "2"] },
  registry: { full: [], quick: ["50"] },
  start: { full: [], quick: [] },
  dryRun: { full: [], quick: [] },
  engine: { full: [], quick: [] },
  record: { full: [], quick: [] },
  journal: { full: [], quick: [] },
  serve: { full: [], quick: ["2000"] },
  gap: { full: [], quick: ["--rounds", "2"] },
  proxy: { full: [], quick: ["--rounds", "2"] },
  rollback: { full: [], quick: ["--rounds", "2"] }
} as const

const takesRounds = new Set(["deploy", "servers", "gap", "proxy", "rollback"])

const output = (words: ReadonlyArray<string>): string =>
  Bun.spawnSync([...words])
    .stdout.toString()
    .trim()

/** What the figures depend on, in one line. */
const machine = (): string => {
  const kernel = output(["uname", "-r"])
  const dockerd = /version ([^,]+)/.exec(output(["dockerd", "--version"]))?.[1] ?? "none"
  const client = /version ([^,]+)/.exec(output(["docker", "--version"]))?.[1] ?? "none"
  const gigabytes = Math.round(totalmem() / 1024 ** 3)
  const commit = output(["git", "-C", import.meta.dir, "log", "-1", "--format=%h %s"])
  return (
    `Commit ${commit}. ${cpus().length} cores (${cpus()[0]?.model ?? "unknown"}), ${gigabytes} GB, Linux ${kernel}, ` +
    `dockerd ${dockerd}, docker client ${client}, Bun ${Bun.version}.`
  )
}

const load = (): string => readFileSync("/proc/loadavg", "utf8").split(" ")[0] ?? ""

const table = (figures: ReadonlyArray<Figure>): string =>
  [
    "| work | measured | goal | |",
    "| --- | --- | --- | --- |",
    ...figures.map((figure) => {
      const goal = goalOf(figure)
      return `| ${figure.name} | ${valueOf(figure)} | ${goal} | ${goal === "" ? "" : isReached(figure) ? "reached" : "not reached"} |`
    })
  ].join("\n")

/** What the benches have measured so far. */
const figuresIn = (file: string): ReadonlyArray<Figure> => {
  try {
    // Written by `report`.
    return readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Figure)
  } catch {
    return [] // nothing has been measured yet
  }
}

const isBench = (name: string): name is keyof typeof benches => name in benches
const names = positionals.length > 0 ? positionals : Object.keys(benches)
const unknown = names.filter((name) => !isBench(name))
if (unknown.length > 0)
  throw new Error(`no bench is called ${unknown.join(", ")}; there are ${Object.keys(benches).join(", ")}`)

const folder = mkdtempSync(join(tmpdir(), "jiji-bench-"))
try {
  const file = join(folder, "figures")
  // Compiled once, so that all benches measure the same program.
  const env = { ...process.env, [figuresFile]: file, JIJI: compileJiji() }
  const heading = `## ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC\n\n${machine()}`
  const loadBefore = load()
  const failed: Array<string> = []
  for (const name of names.filter(isBench)) {
    print(`\n${name}`)
    const words = [
      process.execPath,
      join(import.meta.dir, `${name}.ts`),
      ...benches[name][flags.quick === true ? "quick" : "full"],
      // The last one counts.
      ...(flags.rounds !== undefined && takesRounds.has(name) ? ["--rounds", flags.rounds] : [])
    ]
    const figuresBefore = figuresIn(file).length
    await Bun.spawn(words, { env, stdin: "ignore", stdout: "inherit", stderr: "inherit" }).exited
    if (figuresIn(file).length === figuresBefore) failed.push(name)
  }
  const report = `${heading} Load average ${loadBefore} before, ${load()} after.\n\n${table(figuresIn(file))}\n`
  print(`\n${report}`)
  if (flags.save === true) appendFileSync(join(import.meta.dir, "results.md"), `\n${report}`)
  if (failed.length > 0) throw new Error(`these benches failed: ${failed.join(", ")}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
