import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { hookEvents } from "../../src/config/hooks.ts"

/** The commands that `kamal help` and its groups list, in version 2. */
const kamalCommands = Object.entries({
  "": "audit config deploy details docs help init redeploy remove rollback setup upgrade version",
  accessory:
    "boot details exec logs reboot remove remove_container remove_image remove_service_directory restart start stop upgrade",
  app: "boot containers details exec images live logs maintenance remove remove_container remove_containers remove_images stale_containers start stop version",
  build: "create deliver details dev pull push remove",
  lock: "acquire release status",
  proxy:
    "boot boot_config details logs reboot remove remove_container remove_image remove_proxy_directory restart start stop upgrade",
  prune: "all containers images",
  registry: "login logout remove setup",
  secrets: "extract fetch print",
  server: "bootstrap exec"
}).flatMap(([group, names]) => names.split(" ").map((name) => `${group} ${name}`.trim()))

/** The part of JSON Schema in which keys are looked up. */
interface Node {
  readonly properties?: Readonly<Record<string, Node>>
  readonly patternProperties?: Readonly<Record<string, Node>>
  readonly anyOf?: ReadonlyArray<Node>
}

const read = (name: string) => readFileSync(join(import.meta.dir, "../../docs", name), "utf8")
const page = read("from-kamal.md")
const schema: Node = JSON.parse(read("deploy.schema.json"))

/** The cells of a section's table, without its head. */
const rows = (heading: string): ReadonlyArray<ReadonlyArray<string>> => {
  const [, section = ""] = page.split(`\n## ${heading}\n`)
  const [text = ""] = section.split("\n## ")
  const lines = text.split("\n").filter((line) => line.startsWith("| "))
  return lines.slice(1).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim())
  )
}

const codeIn = (cell: string): ReadonlyArray<string> => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code)

/** Whether a key such as `services.NAME.ports` is in the schema of deploy.yml. */
const exists = (key: string): boolean => {
  let nodes: ReadonlyArray<Node> = [schema]
  for (const part of key.split(".")) {
    nodes = nodes
      .flatMap((node) => [node, ...(node.anyOf ?? [])])
      .flatMap((node) =>
        part === "NAME" ? Object.values(node.patternProperties ?? {}) : (node.properties?.[part] ?? [])
      )
  }
  return nodes.length > 0
}

describe("docs/from-kamal.md", () => {
  test("finds keys in the schema, and misses others", () => {
    expect(
      ["project", "servers.NAME.host", "builder.registry.namespace", "hooks.NAME.only"].filter(exists)
    ).toHaveLength(4)
    expect(["image", "servers.NAME.hots", "NAME", "services.web"].filter(exists)).toEqual([])
  })

  test("names only keys that deploy.yml has", () => {
    const table = rows("Key by key")
    expect(table.length).toBeGreaterThan(50)
    const named = table.flatMap(([, jiji = ""]) => codeIn(jiji))
    expect(named.length).toBeGreaterThan(25)
    expect(named.filter((key) => !exists(key))).toEqual([])
  })

  test("says of every key and command what jiji has, or that it has nothing", () => {
    const all = [...rows("Key by key"), ...rows("Command by command"), ...rows("Hooks")]
    const unclear = all.filter(([, jiji = ""]) => codeIn(jiji).length === 0 && jiji !== "not yet" && jiji !== "none")
    expect(unclear).toEqual([])
  })

  test("has a row for every command of Kamal 2", () => {
    const named = new Set(
      rows("Command by command").flatMap(([kamal = ""]) => {
        const [first = "", ...others] = codeIn(kamal).map((code) => code.replace(/^kamal /, ""))
        // `kamal app start`, `stop`: the second one belongs to the same group.
        const group = first.split(" ")[0] ?? ""
        return [first, ...others.map((other) => `${group} ${other}`)].map((each) =>
          each
            .split(" ")
            .filter((word) => /^[a-z]/.test(word))
            .slice(0, 2)
            .join(" ")
        )
      })
    )
    expect(kamalCommands.filter((command) => !named.has(command))).toEqual([])
  })

  test("names only events that a hook can listen to", () => {
    const named = rows("Hooks").flatMap(([, on = ""]) => codeIn(on))
    expect(named.length).toBeGreaterThan(3)
    expect(named.filter((name) => !Object.keys(hookEvents).includes(name))).toEqual([])
  })
})
