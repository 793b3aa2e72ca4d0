import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { helpJson } from "../../docs/source/help.ts"
import manifest from "../../package.json" with { type: "json" }
import { program, shortRun } from "../support/program.ts"
import { compileFirst } from "./project.ts"

compileFirst()

const root = join(import.meta.dir, "../..")

/** The output for a command line; "more" if it asks for more than help. */
const printed = (words: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const code = `import { printHelp } from "./src/release/help.ts"\nif (!printHelp(${JSON.stringify(words)})) process.stdout.write("more")`
  const child = Bun.spawnSync([process.execPath, "-e", code], { cwd: root, env, stdin: "ignore" })
  return child.stdout.toString()
}

/** The help that a command itself prints: only the parser understands `--help=true`. */
const commandHelp = (env: Readonly<Record<string, string>> = {}, words: ReadonlyArray<string> = []) =>
  Bun.spawnSync([program, "--help=true", ...words], {
    env: { HOME: "/", ...shortRun, ...env },
    stdin: "ignore"
  }).stdout.toString()

describe("the help that is printed without loading jiji", () => {
  test("is the help of the commands (bin/docs generates it)", async () => {
    expect(readFileSync(join(root, "src/release/help.json"), "utf8")).toBe(await helpJson())
    expect(printed(["--help"])).toBe(commandHelp())
    expect(printed(["--help"])).toStartWith(
      "DESCRIPTION\n  Deploy a project's containers to your own servers over SSH\n"
    )
  })

  test("is printed only if nothing else is asked for", () => {
    for (const words of [[], ["--help"], ["-h"], ["help"]]) expect(printed(words)).toBe(commandHelp())
    for (const words of [
      ["deploy"],
      ["deploy", "-x", "--help"],
      ["--help", "deploy"],
      ["--help=true"],
      ["--help=true", "deploy"],
      ["--version", "deploy"],
      ["-x"]
    ]) {
      expect(printed(words)).toBe("more")
    }
    // `run NAME --help` is the help of a project's pipeline.
    expect(printed(["run", "canary", "--help"])).toBe("more")
  })

  test("is printed for every command", () => {
    for (const words of [["deploy"], ["run"], ["list"], ["runs", "show"], ["registry", "login"]]) {
      const expected = commandHelp({}, words)
      expect(expected).toContain(`USAGE\n  jiji ${words.join(" ")}`)
      expect(printed([...words, "--help"])).toBe(expected)
      expect(printed([...words, "-h"])).toBe(expected)
      expect(printed(["help", ...words])).toBe(expected)
    }
  })

  test("is wrapped at the same width as that of the commands", () => {
    for (const COLUMNS of ["40", "80", "0", "wide"]) {
      for (const colors of [{}, { FORCE_COLOR: "1" }]) {
        expect(printed(["--help"], { COLUMNS, ...colors })).toBe(commandHelp({ COLUMNS, ...colors }))
      }
    }
    expect(printed(["--help"], { COLUMNS: "40" })).not.toBe(printed(["--help"]))
    expect(printed(["--help"], { COLUMNS: "0" })).toBe(printed(["--help"]))
  })

  test("is wrapped at the width of the terminal", () => {
    const code = `import { printHelp } from "./src/release/help.ts"\nprintHelp([])`
    const line = `stty cols 50; NO_COLOR=1 "$BUN" -e "$CODE"`
    const env = { BUN: process.execPath, CODE: code, PATH: "/usr/bin:/bin", TERM: "xterm" }
    const { stdout } = Bun.spawnSync(["script", "-qec", line, "/dev/null"], { cwd: root, env, stdin: "ignore" })
    expect(stdout.toString().replaceAll("\r\n", "\n")).toBe(commandHelp({ COLUMNS: "50" }))
  })

  test("includes the version", () => {
    expect(printed(["--version"])).toBe(`${manifest.version}\n`)
  })

  test("does not fail if its reader is gone", () => {
    const code = `import { printHelp } from "./src/release/help.ts"\nprintHelp([])`
    const line = `{ "$0" -e "$1"; echo "code $?" >&2; } | true`
    const child = Bun.spawnSync(["sh", "-c", line, process.execPath, code], { cwd: root, stdin: "ignore" })
    expect(child.stderr.toString()).toBe("code 0\n")
  })

  test("has colors unless NO_COLOR or TERM=dumb is set", () => {
    const plain = printed(["--help"])
    const colored = commandHelp({ FORCE_COLOR: "1" })
    expect(plain).not.toContain("\u001b")
    expect(colored).toContain("\u001b")
    expect(Bun.stripANSI(colored)).toBe(plain)
    expect(printed(["--help"], { FORCE_COLOR: "1" })).toBe(colored)
    expect(printed(["--help"], { FORCE_COLOR: "1", TERM: "dumb" })).toBe(plain)
    expect(printed(["--help"], { FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(plain)
  })
})
