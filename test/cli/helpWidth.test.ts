import { beforeAll, describe, expect, test } from "bun:test"
import { allHelp } from "../../docs/source/help.ts"
import { type HelpSection, renderHelp } from "../../src/core/helpText.ts"
import { joinWords } from "../../src/core/text.ts"
import { program } from "../support/program.ts"
import { compileFirst, project } from "./project.ts"

compileFirst()

/** The command lines of the examples, which are never wrapped. */
const exampleCommands = (help: string): ReadonlyArray<string> =>
  (help.split("EXAMPLES\n")[1] ?? "").split("\n").filter((line) => line.startsWith("  jiji "))

/** The words of a help, wherever its lines break. */
const wordsOf = (help: string) => help.replaceAll(/\n {2}# (?=\S)/g, "\n").split(/\s+/)

describe("the help of every command", () => {
  let sections = new Map<string, ReadonlyArray<HelpSection>>()
  beforeAll(async () => {
    sections = new Map(Object.entries(await allHelp()))
  })
  const helps = (columns = Infinity, colors = false) =>
    [...sections].map(([name, each]) => [name, renderHelp(each, { columns, colors })] as const)
  const helpOf = (name: string, columns = Infinity) => new Map(helps(columns)).get(name) ?? ""

  test("includes that of subcommands", () => {
    expect([...sections.keys()]).toEqual(expect.arrayContaining(["", "deploy", "registry login", "runs show"]))
  })

  test.each([40, 80, 200])("has no line longer than %d columns, except command lines of examples", (columns) => {
    for (const [name, colored] of helps(columns, true)) {
      const text = Bun.stripANSI(colored)
      expect(colored).not.toBe(text)
      const examples = exampleCommands(text)
      const long = text.split("\n").filter((line) => line.length > columns && !examples.includes(line))
      expect([name, long]).toEqual([name, []])
      expect(text).toBe(helpOf(name, columns))
      // Nothing is lost, and commands stay whole.
      expect(wordsOf(text)).toEqual(wordsOf(helpOf(name)))
      expect(examples).toEqual(exampleCommands(helpOf(name)))
    }
  })

  test("has a blank line before each section, and one line per flag if it is not wrapped", () => {
    for (const [, text] of helps()) {
      expect(text).not.toMatch(/[^\n]\n[A-Z]/)
      expect(text).toMatch(/[^\n]\n$/)
      const [flags = ""] = (/^(?:GLOBAL )?FLAGS\n([^]*)/m.exec(text)?.[1] ?? "").split("\n\n")
      for (const line of flags.trimEnd().split("\n")) expect(line).toStartWith("  --")
    }
  })

  test("has one form of placeholders: words in upper case", () => {
    const usages =
      /^USAGE\n {2}jiji(?: [a-z]+)*(?: \[?[A-Z]+\]?)?(?: \[flags\])(?: \[?[A-Z]+(?:\.\.\.)?\]?| -- COMMAND\.\.\.| \[-- ARGUMENT\.\.\.\])*$/m
    for (const [, text] of helps()) {
      expect(text).toMatch(usages)
      const terms = [...text.matchAll(/^ {2}(--.*?)(?: {4}|$)/gm)].map(([, term]) => term)
      expect(terms.length).toBeGreaterThan(1)
      for (const term of terms) expect(term).toMatch(/^--[a-z-]+(?:, -\w)?(?: [A-Z]+)?$/)
    }
    expect(helpOf("runs show")).toContain("  jiji runs show [flags] [ID]\n\nARGUMENTS\n  ID    Run ID")
  })

  test("says which arguments are optional", () => {
    expect(helpOf("run")).toContain(
      "  PIPELINE    Pipeline file, or the name of a pipeline in .jiji/pipelines\n" +
        "  FLAGS...    Flags of the pipeline; `jiji run PIPELINE --help` lists them (optional)\n"
    )
  })

  test("lists choices once", () => {
    expect(helpOf("")).toContain(
      "  --completions SHELL    Print shell completion script (choices: bash, zsh, fish, powershell, sh, pwsh)\n"
    )
    using empty = project({})
    const scripts = empty.jiji(["script"]).stdout.trimEnd().split("\n")
    expect(helpOf("script")).toContain(`Script to print: ${joinWords(scripts, "or")} (default:`)
  })
})

describe("jiji --help", () => {
  test("is not wrapped in a pipe", () => {
    using empty = project({})
    expect(empty.jiji(["--help=true", "deploy"]).stdout).toContain(
      "\n  --config, -c FILE         Deploy file to use (default: the nearest .jiji/deploy.yml in this or a parent folder)\n"
    )
  })

  test("uses the width of the terminal, or COLUMNS instead if it is set", () => {
    using empty = project({})
    // Of the command itself: help.test.ts compares it with the help that is printed without loading jiji.
    const words = ["--help=true", "deploy"]
    const inTerminal = (columns: number, variable = "") => {
      const line = `stty cols ${columns}; ${variable} NO_COLOR=1 '${program}' ${words.join(" ")}`
      const { stdout } = Bun.spawnSync(["script", "-qec", line, "/dev/null"], {
        env: { ...empty.env, TERM: "xterm" },
        stdin: "ignore"
      })
      return stdout.toString().replaceAll("\r\n", "\n")
    }
    const help = (COLUMNS: string) => empty.jiji(words, { COLUMNS }).stdout
    expect(inTerminal(40)).toBe(help("40"))
    expect(inTerminal(90)).toBe(help("90"))
    expect(inTerminal(40, "COLUMNS=70")).toBe(help("70"))
    expect(new Set([help("40"), help("70"), help("90")]).size).toBe(3)
  })
})

describe("a help's lines", () => {
  const text = "one two three four five six"
  const render = (term: string, columns: number) =>
    renderHelp([{ title: "FLAGS", lines: [{ term, text }] }], { columns, colors: false })

  test("are wrapped at the description's column", () => {
    expect(render("--a", 35)).toBe("FLAGS\n  --a    one two three four five\n         six\n")
  })

  test("have the description below its term if fewer than 24 columns are left for it", () => {
    expect(render("--abc", 35)).toBe("FLAGS\n  --abc    one two three four five\n           six\n")
    expect(render("--abcd", 35)).toBe("FLAGS\n  --abcd\n      one two three four five six\n")
  })
})
