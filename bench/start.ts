// Measures the startup time: `bun bench/start.ts`. Compiles jiji and an empty program, and alternates between them. Exits
// with code 1 if `jiji --help` or `jiji --version` takes five times as long as the empty program or longer.
// `bun bench/start.ts FILE` measures an existing binary.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const print = (line: string) => process.stdout.write(`${line}\n`)
const folder = mkdtempSync(join(tmpdir(), "jiji-start-"))
const [given] = process.argv.slice(2)
const [jiji, empty] = [given ?? join(folder, "jiji"), join(folder, "empty")]

const make = (words: ReadonlyArray<string>) => {
  const { exitCode, stderr } = Bun.spawnSync([...words], { cwd: join(import.meta.dir, ".."), stderr: "pipe" })
  if (exitCode !== 0) throw new Error(stderr.toString())
}

/** Runs a command and returns its wall-clock time in milliseconds. */
const time = (words: ReadonlyArray<string>): number => {
  const began = performance.now()
  const { exitCode } = Bun.spawnSync([...words], { stdin: "ignore", stdout: "pipe", stderr: "ignore" })
  if (exitCode !== 0) throw new Error(`${words.join(" ")} exited with code ${exitCode}`)
  return performance.now() - began
}

const median = (all: ReadonlyArray<number>): number => all.toSorted((a, b) => a - b)[all.length >> 1] ?? Number.NaN

const rounds = 40
const limit = 5
const measured = {
  "an empty program": [empty],
  "jiji --help": [jiji, "--help"],
  "jiji --version": [jiji, "--version"],
  "jiji deploy --help": [jiji, "deploy", "--help"]
} as const

try {
  if (given === undefined) make(["bin/build", jiji])
  writeFileSync(`${empty}.ts`, "")
  make([process.execPath, "build", `${empty}.ts`, "--compile", "--bytecode", "--outfile", empty])
  for (const words of Object.values(measured)) time(words)
  const times = Object.values(measured).map((): Array<number> => [])
  // Alternates, so that a slowdown of the machine affects all commands.
  for (let round = 0; round < rounds; round++) {
    Object.values(measured).forEach((words, index) => times[index]?.push(time(words)))
  }
  const baseline = median(times[0] ?? [])
  Object.keys(measured).forEach((name, index) => {
    const millis = median(times[index] ?? [])
    const ratio = millis / baseline
    const bounded = name === "jiji --help" || name === "jiji --version"
    if (bounded && ratio >= limit) process.exitCode = 1
    const mark = !bounded ? "    " : ratio < limit ? "ok  " : "OVER"
    const bound = bounded ? `  (less than ${limit})` : ""
    print(
      `${mark} ${name.padEnd(20)} ${millis.toFixed(1).padStart(6)} ms ${ratio.toFixed(1).padStart(5)} times${bound}`
    )
  })
} finally {
  rmSync(folder, { recursive: true, force: true })
}
