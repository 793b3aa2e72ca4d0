// Measures the startup time of the compiled jiji: `bun bench/start.ts`. An empty program, compiled the same way, shows what
// Bun itself needs.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { printRounds, report } from "./shared/figures.ts"
import { compileJiji } from "./shared/jiji.ts"
import { interleave, median, ratio, timeCommand } from "./shared/rounds.ts"

const folder = mkdtempSync(join(tmpdir(), "jiji-start-"))
const [jiji, empty] = [compileJiji(), join(folder, "empty")]
try {
  writeFileSync(`${empty}.ts`, "")
  timeCommand([process.execPath, "build", `${empty}.ts`, "--compile", "--bytecode", "--outfile", empty])
  const times = await interleave(40, {
    empty: () => timeCommand([empty]),
    help: () => timeCommand([jiji, "--help"]),
    version: () => timeCommand([jiji, "--version"]),
    deployHelp: () => timeCommand([jiji, "deploy", "--help"])
  })
  printRounds("an empty program", [], median(times.empty), "ms")
  printRounds("jiji --help", [], median(times.help), "ms")
  printRounds("jiji --version", [], median(times.version), "ms")
  printRounds("jiji deploy --help", [], median(times.deployHelp), "ms")
  report(
    { name: "jiji --help against an empty program", value: ratio(times.help, times.empty), unit: "times", most: 5 },
    {
      name: "jiji --version against an empty program",
      value: ratio(times.version, times.empty),
      unit: "times",
      most: 5
    },
    {
      name: "jiji deploy --help against jiji --help",
      value: ratio(times.deployHelp, times.help),
      unit: "times",
      most: 1.5
    }
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
