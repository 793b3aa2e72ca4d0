import { describe, expect, test } from "bun:test"
import { Glob } from "bun"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { parse } from "yaml"
import { Result } from "effect"
import { examples } from "../../docs/source/configuration.ts"
import manifest from "../../package.json" with { type: "json" }
import { splitRemoteFlags } from "../../src/cli/remote/remoteFlags.ts"
import { parseDotEnv } from "../../src/config/DotEnv.ts"
import { compileFirst, project } from "../cli/project.ts"
import { loadFiles } from "../config/project.ts"
import { it } from "../support/effect.ts"

compileFirst()

const root = join(import.meta.dir, "../..")
const pages = ["README.md", "CONTRIBUTING.md", ...new Glob("docs/*.md").scanSync(root)].sort()
const read = (page: string) => readFileSync(join(root, page), "utf8")

/** The code blocks in a language, in order. */
const blocks = (page: string, language: string): ReadonlyArray<string> =>
  [...read(page).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, code = ""]) => code)

const isMap = (value: unknown): value is object => typeof value === "object" && value !== null && !Array.isArray(value)

/** The files of the project that examples mount. */
const mounted = { "config/nginx.conf": "", "bin/start": "" }

describe("every deploy.yml in the docs loads", () => {
  for (const page of pages) {
    for (const [index, text] of blocks(page, "yaml").entries()) {
      const value: unknown = parse(text)
      if (!isMap(value)) continue
      // A fragment is merged on top of a complete file.
      const load =
        "project" in value
          ? loadFiles({ ".jiji/deploy.yml": text, ...mounted })
          : loadFiles({ ".jiji/deploy.yml": examples.whole, ".jiji/deploy.shown.yml": text, ...mounted }, "shown")
      it.live(`${page}, ${index + 1}`, () => load)
    }
  }
})

describe("every link to a file works", () => {
  for (const page of pages) {
    test(page, () => {
      const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/gu)].map(([, link = ""]) => link)
      expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([])
    })
  }
})

/** The arguments of every `jiji …` in code blocks and inline code. */
const commands = (text: string): ReadonlyArray<string> => {
  const code = [
    ...[...text.matchAll(/^```(?:bash|yaml)\n(.*?)^```$/gms)].flatMap(([, block = ""]) => block.split("\n")),
    ...[...text.replaceAll(/^```.*?^```$/gms, "").matchAll(/`([^`]+)`/gu)].map(([, inline = ""]) => inline)
  ]
  return code.flatMap((line) => {
    const [, command] = /^(?:run: |\s*)(?:bun run )?jiji ((?:[\w-]+)(?: [^#]*)?)/u.exec(line.trim()) ?? []
    return command === undefined ? [] : [command.trim()]
  })
}

const workflow = "examples/github-actions/deploy.yml"
const shown = new Set(
  [...pages.map(read), read(workflow).replaceAll(/run: (bun run jiji .*)/gu, "`$1`")].flatMap(commands)
)

test("every command in the docs exists, with its flags", () => {
  using empty = project({})
  expect(shown.size).toBeGreaterThan(12)
  const helps = new Map<string, string>()
  for (const command of shown) {
    // What follows `--` is a command of the reader's.
    const [own = ""] = command.split(" -- ")
    // The flags of a remote command can stand anywhere.
    const { words } = Result.getOrThrow(
      splitRemoteFlags(own.split(/\s+/u), { JIJI_REMOTE: "https://deploy.example.com" })
    )
    if (words.length === 0) continue
    // `jiji help COMMAND` is the help of the command.
    if (words[0] === "help") continue
    // The word after `jiji run` names a pipeline of the reader's project.
    const end = words[0] === "run" ? 1 : words.findIndex((word) => !/^[a-z]+$/u.test(word))
    const path = (end === -1 ? words : words.slice(0, end)).join(" ")
    const help = helps.get(path) ?? empty.jiji([...path.split(" "), "--help"]).stdout
    helps.set(path, help)
    const [subcommand = ""] = path.split(" ")
    expect([command, help.includes(`jiji ${subcommand}`)]).toEqual([command, true])
    // The flags of `jiji run` depend on the file that it runs.
    if (subcommand === "run") continue
    for (const flag of words.filter((word) => word.startsWith("-") && word !== "--help")) {
      expect([command, flag, new RegExp(`(?:^|[ ,])${flag}(?=[ ,\\n])`, "mu").test(help)]).toEqual([
        command,
        flag,
        true
      ])
    }
  }
}, 60_000)

test("the packages to install for a pipeline have the versions that jiji uses", () => {
  const [text = ""] = blocks("docs/pipelines.md", "json")
  const { jiji, ...shown } = JSON.parse(text).devDependencies
  expect(jiji).toBe(`file:jiji-${manifest.version}.tgz`)
  expect({ ...manifest.devDependencies, ...manifest.dependencies }).toMatchObject(shown)
})

test("the .env file in the docs means what they say", () => {
  const [, text = ""] = blocks("docs/secrets.md", "bash")
  const { faults, values } = parseDotEnv(text)
  expect(faults).toEqual([])
  expect(Object.fromEntries(values)).toEqual({
    DATABASE_URL: { _tag: "Text", text: "postgres://db.internal/shop" },
    API_TOKEN: { _tag: "Text", text: "literal: $HOME, \\n and # stay as they are" },
    GREETING: { _tag: "Text", text: 'with "escapes": \n, \t, \\, $' },
    CERTIFICATE: { _tag: "Text", text: "-----BEGIN CERTIFICATE-----\nseveral lines\n-----END CERTIFICATE-----" },
    GITHUB_TOKEN: { _tag: "Command", command: "gh auth token" }
  })
})
