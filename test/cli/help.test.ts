import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { helpTexts } from "../../docs/source/help.ts"
import manifest from "../../package.json" with { type: "json" }
import texts from "../../src/release/help.json" with { type: "json" }

const root = join(import.meta.dir, "../..")

/** What is printed where the words ask for help, and otherwise "more". */
const printed = (words: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) => {
  const code = `import { helped } from "./src/release/help.ts"\nif (!helped(${JSON.stringify(words)})) process.stdout.write("more")`
  const child = Bun.spawnSync([process.execPath, "-e", code], { cwd: root, env, stdin: "ignore" })
  return child.stdout.toString()
}

describe("the help that is printed before anything is loaded", () => {
  test("is what the commands give (bin/docs writes it)", () => {
    expect(readFileSync(join(root, "src/release/help.json"), "utf8")).toBe(helpTexts())
  }, 60_000)

  test("is printed where nothing else is asked for", () => {
    for (const words of [[], ["--help"], ["-h"]]) expect(printed(words)).toBe(texts.plain)
    for (const words of [["deploy"], ["deploy", "--help"], ["--help", "deploy"], ["--version", "deploy"], ["-x"]]) {
      expect(printed(words)).toBe("more")
    }
  })

  test("has the version beside it", () => {
    const { stdout } = Bun.spawnSync([process.execPath, "src/main.ts", "--version"], { cwd: root, stdin: "ignore" })
    expect(printed(["--version"])).toBe(stdout.toString())
    expect(printed(["--version"])).toBe(`${manifest.version}\n`)
  }, 60_000)

  test("is nothing to fail at, where its reader is gone", () => {
    const code = `import { helped } from "./src/release/help.ts"\nhelped([])`
    const line = `{ "$0" -e "$1"; echo "code $?" >&2; } | true`
    const child = Bun.spawnSync(["sh", "-c", line, process.execPath, code], { cwd: root, stdin: "ignore" })
    expect(child.stderr.toString()).toBe("code 0\n")
  })

  test("has colours where they are wanted", () => {
    expect(texts.plain).not.toContain("\u001b")
    expect(printed(["--help"], { FORCE_COLOR: "1" })).toBe(texts.colored)
    expect(printed(["--help"], { FORCE_COLOR: "1", TERM: "dumb" })).toBe(texts.plain)
    expect(printed(["--help"], { FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(texts.plain)
  })
})
