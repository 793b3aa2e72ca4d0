// Runs the checks and tests of bin/test, several side by side.
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync
} from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { commandLine, descendants, isAlive } from "./support/processes.ts"
import { until } from "./support/waiting.ts"

/** A command whose output goes to a log. It counts as one check, or as many tests as its report names. */
interface Stage {
  readonly name: string
  readonly words: ReadonlyArray<string>
  /** The test files that must be in its report. */
  readonly files?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
}

interface Counts {
  readonly passed: number
  readonly failed: number
}

const logs = "dist/test"
const args = process.argv.slice(2)
const isUnit = args[0] === "--unit"
const cores = availableParallelism()

/** Memory, where there is enough: unit tests write many small files, and flush them. Elsewhere the usual folder. */
const temporaryFolder = (): string => {
  const memory = "/dev/shm"
  try {
    const { bavail, bsize } = statfsSync(memory)
    if (process.env["TMPDIR"] !== undefined || bavail * bsize < 2 ** 31) return tmpdir()
    // Tests run programs there.
    const program = join(mkdtempSync(join(memory, "jiji-test-")), "program")
    writeFileSync(program, "#!/bin/sh\n", { mode: 0o755 })
    const { exitCode } = Bun.spawnSync([program])
    rmSync(dirname(program), { recursive: true })
    return exitCode === 0 ? memory : tmpdir()
  } catch {
    return tmpdir()
  }
}
const temporary = mkdtempSync(join(temporaryFolder(), "jiji-test-"))
// Some tests run programs as another user.
chmodSync(temporary, 0o711)
const began = performance.now()
const took: Array<{ readonly name: string; readonly seconds: number }> = []
const running = new Map<string, Bun.Subprocess>()
let stopping: Promise<void> | undefined
let total: Counts = { passed: 0, failed: 0 }

/**
 * These run with docker's API on the servers, and again with docker's client, which jiji uses where it cannot reach the API:
 * all their tests but those that `withApiOnly` defines.
 */
const bothWays = new Set(
  ["cutoffs", "deploy", "failures", "faults", "frozen", "interrupts", "restarts"].map(
    (name) => `test/e2e/${name}.test.ts`
  )
)

/** These take longest and start first, so that none of them is left at the end with an idle processor beside it. */
const longest = ["reboots", "switches", "podman5Reboots", "demo", "names", "podmanReboots", "proxiedCuts"].map(
  (name) => `test/e2e/${name}.test.ts`
)

const allFiles = [...new Bun.Glob("test/**/*.test.ts").scanSync()].sort()
const isEndToEnd = (file: string) => file.startsWith("test/e2e/")

const fileOf = (name: string, extension: string) => join(logs, `${name.replaceAll("/", "-")}.${extension}`)

const print = (text: string) => void process.stdout.write(`${text}\n`)
const indent = (text: string) => Bun.stripANSI(text).trimEnd().replaceAll(/^/gm, "    ")
const secondsSince = (start: number) => (performance.now() - start) / 1000

/** The names of failed tests, then the output of their files; nothing of files without a failure. */
const faults = (log: string): string => {
  const names = log.match(/^(\((fail|skip|todo)\)|✗) .*$/gm) ?? []
  const files = log.split(/^(?=\S*\.test\.ts:$)/m)
  const failed = files.filter((text) => /^(\((fail|skip|todo)\)|✗|error\b|# Unhandled)/m.test(text))
  return [...names, "", ...failed.map((text) => text.replaceAll(/^(\(\w+\) .*)?\n/gm, "").trimEnd())].join("\n")
}

const numberIn = (element: string, attribute: string): number =>
  Number(new RegExp(` ${attribute}="([\\d.]+)"`).exec(element)?.[1] ?? 0)

/** Counts the tests of a JUnit report. A skipped test has failed, and so has a file that is not in it. */
const counted = (report: string, stage: Stage): Counts => {
  const head = /<testsuites [^>]*>/.exec(report)?.[0] ?? ""
  const bad = ["failures", "errors", "skipped"].reduce((sum, name) => sum + numberIn(head, name), 0)
  const missing = (stage.files ?? []).filter((file) => !report.includes(` file="${file}"`))
  for (const file of missing) print(`        no result of ${file}`)
  return { passed: numberIn(head, "tests") - bad, failed: bad + missing.length }
}

/** Remembers how long each file of a report took. */
const timeFiles = (report: string) => {
  for (const [element, file = ""] of report.matchAll(/^ {2}<testsuite [^>]* file="([^"]+)"[^>]*>/gm)) {
    took.push({ name: file, seconds: numberIn(element, "time") })
  }
}

const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/** Runs a stage and prints its line, and its output if it has failed. */
const run = async (stage: Stage): Promise<void> => {
  if (stopping !== undefined) return
  const start = performance.now()
  const log = openSync(fileOf(stage.name, "log"), "w")
  // In a session of its own: Ctrl-C comes here alone, and then everything is stopped in order.
  const child = Bun.spawn([...stage.words], {
    env: { ...process.env, ...stage.env },
    stdin: "ignore",
    stdout: log,
    stderr: log,
    detached: true
  })
  running.set(stage.name, child)
  const code = await child.exited
  running.delete(stage.name)
  closeSync(log)
  if (stopping !== undefined) return
  const isTests = stage.files !== undefined
  const report = read(fileOf(stage.name, "xml"))
  let { failed, passed } = isTests ? counted(report, stage) : { passed: code === 0 ? 1 : 0, failed: 0 }
  // One that exits with an error although no test has failed has crashed.
  if (code !== 0 && failed === 0) failed = 1
  total = { passed: total.passed + passed, failed: total.failed + failed }
  const isGood = failed === 0
  const text = isTests
    ? `${stage.name}: ${isGood ? `${passed} tests` : `${passed} passed, ${failed} failed`}`
    : stage.name
  const seconds = secondsSince(start)
  print(`${isGood ? "ok" : "FAILED"}`.padEnd(8) + text.padEnd(50) + ` ${seconds.toFixed(1).padStart(6)} s`)
  if (!isGood) print(indent(isTests ? faults(read(fileOf(stage.name, "log"))) : read(fileOf(stage.name, "log"))))
  if (stage.name === "unit") timeFiles(report)
  else took.push({ name: stage.name, seconds })
}

/** Runs stages, so many at a time. */
const runAll = async (stages: ReadonlyArray<Stage>, slots: number): Promise<void> => {
  const waiting = [...stages]
  const slot = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await run(next)
  }
  await Promise.all(Array.from({ length: slots }, slot))
}

const check = (name: string): Stage => ({ name, words: ["bun", "run", name] })

const tests = (name: string, files: ReadonlyArray<string>, options: ReadonlyArray<string> = []): Stage => {
  const report = ["--reporter=junit", `--reporter-outfile=${fileOf(name, "xml")}`]
  const words = ["bun", "test", "--timeout", "60000", ...report, ...options, ...files.map((file) => `./${file}`)]
  return { name, words, files }
}

/** Compiles jiji, which many tests run. */
const build: Stage = { name: "build", words: ["bun", "test/support/program.ts"] }

/**
 * Four processes for each core, since most tests wait. What took longest the last time starts first.
 * No test runs long enough to be worth the last level of Bun's compiler, which takes a third of the processor time.
 */
const unit = (files: ReadonlyArray<string>): Stage => {
  const options = [`--parallel=${4 * cores}`, "--no-isolate", "--timings=.tools/timings.json", "--update-timings"]
  return { ...tests("unit", files, options), env: { TMPDIR: temporary, BUN_JSC_useFTLJIT: "0" } }
}

const endToEnd = (files: ReadonlyArray<string>): ReadonlyArray<Stage> =>
  files.flatMap((file) => {
    const name = file.replace(/\.test\.ts$/, "")
    const byApi = tests(name, [file])
    if (!bothWays.has(file)) return [byApi]
    return [byApi, { ...tests(`${name} (client)`, [file]), env: { JIJI_TEST_ENGINE_WAY: "client" } }]
  })

const runEverything = async () => {
  await runAll([build, ...["format", "lint", "types", "unused"].map(check)], cores)
  await run(unit(allFiles.filter((file) => !isEndToEnd(file))))
  if (isUnit) return
  const files = [...longest, ...allFiles.filter((file) => isEndToEnd(file) && !longest.includes(file))]
  // Each has networks, engines and folders of its own. All share the processor, but a test waits for most of its time.
  await runAll(endToEnd(files), cores + 1)
}

const runPaths = async () => {
  const paths = args.map((path) => path.replace(/^\.\//, "").replace(/\/$/, ""))
  const isIn = (path: string) => (file: string) => file === path || file.startsWith(`${path}/`)
  for (const path of paths.filter((path) => !allFiles.some(isIn(path)))) {
    print(`FAILED  there is no test file ${path}`)
    total = { ...total, failed: total.failed + 1 }
  }
  const files = allFiles.filter((file) => paths.some((path) => isIn(path)(file)))
  if (!files.every(isEndToEnd)) await run(unit(files.filter((file) => !isEndToEnd(file))))
  await runAll(endToEnd(files.filter(isEndToEnd)), 1)
}

const printSummary = () => {
  const slowest = took.toSorted((a, b) => b.seconds - a.seconds).slice(0, 10)
  if (slowest.length > 1) {
    print("What took longest:")
    for (const { name, seconds } of slowest) print(`${seconds.toFixed(1).padStart(8)} s  ${name}`)
  }
  if (total.failed > 0) print(`The output of every stage is in ${logs}.`)
  print(`in ${secondsSince(began).toFixed(0)} s`)
  print(`${total.passed} passed, ${total.failed} failed`)
}

const signal = (pids: ReadonlyArray<number>, name: NodeJS.Signals) => {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {
      // It has exited in the meantime.
    }
  }
}

/** Waits until processes have exited, but not forever. */
const exit = (pids: ReadonlyArray<number>, timeout: number) =>
  until(() => !pids.some(isAlive), Boolean, { timeout }).catch(() => undefined)

/** Stops everything that runs. Real hosts clean up by themselves once the tests that use them are gone. */
const stop = async () => {
  const guards: Array<number> = []
  const isGuard = (pid: number) => commandLine(pid).includes("/hosts.sh\0guard\0") && guards.push(pid) > 0
  const pids = [...running.values()].flatMap(({ pid }) => [pid, ...descendants(pid, isGuard)])
  signal(pids, "SIGTERM")
  await exit(pids, 3000)
  signal(pids, "SIGKILL")
  await exit(guards, 20_000)
}

for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    stopping ??= (async () => {
      const interrupted = [...running.keys()]
      await stop()
      rmSync(temporary, { recursive: true, force: true })
      print(`stopped by ${name} during ${interrupted.join(" and ")}`)
      print(`${total.passed} passed, ${total.failed + interrupted.length} failed`)
      process.exit(1)
    })()
  })
}

rmSync(logs, { recursive: true, force: true })
mkdirSync(logs, { recursive: true })
await (args.length === 0 || isUnit ? runEverything() : runPaths())
rmSync(temporary, { recursive: true, force: true })
if (stopping === undefined) {
  printSummary()
  process.exitCode = total.failed === 0 ? 0 : 1
}
