import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test"
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { type Hosts, startHosts } from "./Hosts.ts"
import { writeContext } from "./Image.ts"
import { page } from "./observe.ts"

setDefaultTimeout(120_000)

const root = join(import.meta.dir, "../..")

/** A fenced block, and the heading that it stands under. */
interface Block {
  readonly heading: string
  readonly language: string
  readonly text: string
}

/** The blocks of a page, in order. */
const blocksOf = (page: string): ReadonlyArray<Block> =>
  readFileSync(join(root, page), "utf8")
    .split(/^## /m)
    .flatMap((section) =>
      [...section.matchAll(/^```(\S*)\n(.*?)^```$/gms)].map(([, language = "", text = ""]) => ({
        heading: section.split("\n")[0] ?? "",
        language,
        text
      }))
    )

/** A script, the files to write before it, and the lines that it must print. */
interface Scene {
  readonly heading: string
  readonly files: Readonly<Record<string, string>>
  readonly script: string
  readonly shown: ReadonlyArray<string>
}

/** A block that is neither a script nor its output is a file, and its first line says which. */
const nameOf = ({ language, text }: Block): string => {
  const [, name] = /^# (\S+)\n/.exec(text) ?? []
  if (name === undefined) throw new Error(`this block of ${language} does not name its file in a comment:\n${text}`)
  return name
}

const scenesOf = (blocks: ReadonlyArray<Block>): ReadonlyArray<Scene> => {
  const scenes: Array<Scene> = []
  let files: Record<string, string> = {}
  for (const block of blocks) {
    const last = scenes.at(-1)
    if (block.language === "bash") {
      scenes.push({ heading: block.heading, files, script: block.text, shown: [] })
      files = {}
    } else if (block.language === "text") {
      if (last === undefined) throw new Error(`no script prints this:\n${block.text}`)
      scenes[scenes.length - 1] = { ...last, shown: block.text.trimEnd().split("\n") }
    } else {
      files[nameOf(block)] = block.text
    }
  }
  if (Object.keys(files).length > 0) throw new Error(`no script follows ${Object.keys(files).join(", ")}`)
  return scenes
}

/** A line as the page shows it: `…` stands for one word, and columns may be wider. */
const pattern = (line: string): RegExp =>
  new RegExp(
    `^${line
      .trim()
      .split(/\s+/)
      .map((word) => (word === "…" ? "\\S+(?: m?s)?" : word.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&")))
      .join("\\s+")}$`,
    "m"
  )

/** The shown lines that a script did not print after the ones before them. */
const missing = (stdout: string, shown: ReadonlyArray<string>): ReadonlyArray<string> => {
  let rest = stdout
  return shown.filter((line) => {
    const found = pattern(line).exec(rest)
    if (found === null) return true
    rest = rest.slice(found.index + found[0].length)
    return false
  })
}

let hosts: Hosts
let env: Readonly<Record<string, string>>

/** Builds an image that is named like nginx's, serves the same folder and has a `curl`: tests download nothing. */
const buildNginx = async () => {
  const folder = join(hosts.folder, "nginx")
  writeContext(folder, { page: "" })
  writeFileSync(join(folder, "curl"), '#!/bin/sh\nfor url; do :; done\nexec wget -qO- "$url"\n', { mode: 0o755 })
  const serve = "trap 'exit 0' TERM; httpd -f -p 80 -h /usr/share/nginx/html & wait"
  const lines = ["FROM scratch", "COPY busybox /bin/sh", "COPY curl /bin/curl", `CMD ["/bin/sh", "-c", "${serve}"]`]
  writeFileSync(join(folder, "Dockerfile"), `${lines.join("\n")}\n`)
  await hosts.operator.run([hosts.operator.engine, "build", "--tag", "nginx:1.27", folder])
}

/** The addresses that the pages use. */
const addresses = { web1: "203.0.113.10", web2: "203.0.113.11" }

beforeAll(async () => {
  hosts = await startHosts({ servers: Object.keys(addresses).map((name) => ({ name, engine: "docker" })) })
  const { home, operator } = hosts
  for (const [name, address] of Object.entries(addresses)) {
    await hosts.server(name).run(["ip", "address", "add", `${address}/24`, "dev", "eth0"])
  }
  await operator.run(["ip", "route", "add", "203.0.113.0/24", "dev", "eth0"])
  mkdirSync(join(home, ".ssh"), { mode: 0o700 })
  cpSync(hosts.key, join(home, ".ssh/id_ed25519"))
  mkdirSync(join(home, ".local/bin"), { recursive: true })
  // OpenSSH finds ~ in /etc/passwd and ignores HOME.
  const options = `-i ${home}/.ssh/id_ed25519 -o UserKnownHostsFile=${home}/.ssh/known_hosts -o BatchMode=yes`
  writeFileSync(join(home, ".local/bin/ssh"), `#!/bin/sh\nexec /usr/bin/ssh ${options} "$@"\n`, { mode: 0o755 })
  // A reader may write to /usr/local/bin; this test may not.
  const install = `#!/bin/sh\nexec /usr/bin/install "$1" "${home}/.local/bin/\${2##*/}"\n`
  writeFileSync(join(home, ".local/bin/install"), install, { mode: 0o755 })
  env = {
    // Without Bun, which a reader does not have.
    PATH: `${home}/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    GIT_AUTHOR_NAME: "tester",
    GIT_AUTHOR_EMAIL: "tester@example.com",
    GIT_COMMITTER_NAME: "tester",
    GIT_COMMITTER_EMAIL: "tester@example.com"
  }
  await buildNginx()
}, 120_000)
afterAll(() => hosts.close())

/**
 * Runs the scenes one after another, each in the folder where the one before it ended. The first one installs jiji from
 * the checkout; a reader then goes to another folder, which is `folder` here.
 */
const perform = (scenes: ReadonlyArray<Scene>, folder: () => string) => {
  let cwd = root
  for (const [index, { files, heading, script, shown }] of scenes.entries()) {
    test(`block ${index + 1}: ${heading}`, async () => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
      const ended = join(hosts.folder, "cwd")
      const words = ["bash", "-euo", "pipefail", "-c", `${script}\npwd >${ended}`]
      const run = await hosts.operator.try(words, { cwd, env })
      expect([run.code, run.code === 0 ? "" : run.stdout + run.stderr]).toEqual([0, ""])
      expect([missing(run.stdout, shown), run.stdout]).toEqual([[], run.stdout])
      cwd = readFileSync(ended, "utf8").trim()
      if (cwd === root || cwd === dirname(root)) cwd = folder()
    })
  }
}

describe("docs/tutorial.md: every block runs as it stands there, and prints what is shown", () => {
  perform(scenesOf(blocksOf("docs/tutorial.md")), () => hosts.folder)
})

describe("README.md: the quick start runs as it stands there", () => {
  const project = () => join(hosts.folder, "own")
  beforeAll(() => {
    mkdirSync(join(project(), ".jiji"), { recursive: true })
    writeContext(project(), { page: "own" })
  })
  perform(scenesOf(blocksOf("README.md").filter(({ heading }) => heading === "Quick start")), project)

  test("the page is served by both servers", async () => {
    for (const server of hosts.servers) expect(await page(hosts, server)).toBe("own")
  })
})
