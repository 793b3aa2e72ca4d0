import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { plain } from "../../src/config/Located.ts"
import { showProblem } from "../../src/config/Problem.ts"
import { parseYaml } from "../../src/config/yaml.ts"
import { it } from "../support/effect.ts"
import { loadText, problemsOf, smallest } from "./project.ts"

const value = (text: string): unknown => {
  const { problems, tree } = parseYaml("f", text)
  expect(problems).toEqual([])
  return tree === undefined ? undefined : plain(tree, () => false)
}

const faults = (text: string) => parseYaml("f", text).problems.map(showProblem)

describe("parseYaml reads", () => {
  it.live("anchors and aliases", () =>
    Effect.sync(() => expect(value("a: &x [1, 2]\nb: *x\n")).toEqual({ a: [1, 2], b: [1, 2] }))
  )
  it.live("merge keys, where the map's own keys win, then the first source", () =>
    Effect.sync(() => {
      const text = "a: &a { x: 1, y: 1 }\nb: &b { y: 2, z: 2 }\nc: { z: 3, <<: [*a, *b] }\nd:\n  <<: *a\n"
      expect(value(text)).toMatchObject({ c: { x: 1, y: 1, z: 3 }, d: { x: 1, y: 1 } })
    })
  )
  it.live("several aliases of the same value", () =>
    Effect.sync(() => expect(value("a: &a 1\nb: [*a, *a]")).toEqual({ a: 1, b: [1, 1] }))
  )
  it.live("a quoted << as an ordinary key", () => Effect.sync(() => expect(value('"<<": 1')).toEqual({ "<<": 1 })))
})

it.live("reports a problem in an aliased value where the value was written", () =>
  Effect.gen(function* () {
    const text = `project: shop
servers:
  web1: &server
    host: a
    port: 0
  web2: *server
services:
  web: { image: nginx, hosts: [web1, web2] }
`
    const message = "must be a port from 1 to 65535, not 0"
    expect(yield* problemsOf(text)).toEqual([`5 servers.web1.port: ${message}`, `5 servers.web2.port: ${message}`])
  })
)

it.live("reports an unknown alias once, without follow-up problems for the missing value", () =>
  Effect.gen(function* () {
    expect(yield* problemsOf(smallest.replace("host: 203.0.113.10", "host: *gone").replace("shop", "Shop"))).toEqual([
      '1 project: must be a name of lower-case letters and digits, with single - or _ between them, such as my-app, not "Shop"',
      "3 uses the alias `*gone`, but no value above has the anchor `&gone`"
    ])
  })
)

it.live("reads JSON, and files with a byte order mark and Windows line ends", () =>
  Effect.gen(function* () {
    const json = JSON.stringify({
      project: "shop",
      servers: { a: { host: "a" } },
      services: { b: { image: "c", hosts: ["a"] } }
    })
    expect((yield* loadText(json)).name).toBe("shop")
    expect((yield* loadText(`\uFEFF${smallest.replaceAll("\n", "\r\n")}`)).name).toBe("shop")
    expect(yield* problemsOf(smallest.replaceAll("\n", "\r\n").replace("[web1]", "[]"))).toHaveLength(1)
  })
)

const table: ReadonlyArray<readonly [protects: string, text: string, ...problems: ReadonlyArray<string>]> = [
  ["a tab", "a:\n\tb: 1\n", "f:2 is indented with a tab; YAML allows only spaces"],
  ["a duplicate key", "a: 1\nb: 2\na: 3\n", "f:3 repeats the key `a` of line 1"],
  ["a duplicate key on one line", "a: { b: 1, b: 2 }\n", "f:1 repeats the key `b` of line 1"],
  ["two documents", "a: 1\n---\nb: 2\n", "f:2 starts a second YAML document; the file must contain only one"],
  [
    "a colon in a value",
    "a: b: c\n",
    "f:1 has a second `key: value` on one line; put quotes around a value that contains a colon and a space"
  ],
  [
    "a value that starts with @",
    "a: @b\n",
    "f:1 starts with a character that YAML reserves; put quotes around the value"
  ],
  ["an unclosed quote", 'a: "b\n', 'f:2 is not valid YAML: missing closing "quote'],
  [
    "a wrong indentation",
    "a:\n  b: 1\n c: 2\n",
    "f:3 is not valid YAML: all mapping items must start at the same column"
  ],
  ["an unknown alias", "a: 1\nb: *x\n", "f:2 uses the alias `*x`, but no value above has the anchor `&x`"],
  ["an alias before its anchor", "a: *x\nb: &x 1\n", "f:1 uses the alias `*x`, but no value above has the anchor `&x`"],
  ["an alias of itself", "a: &x\n  b: *x\n", "f:2 contains an alias of itself"],
  ["a merge of a string", "a: &x 1\nb: { <<: *x }\n", "f:2 merges a value with `<<` that is not a map"],
  ["a key that is a list", "? [a, b]\n: 1\n", "f:1 has a key that is empty, a list or a map"],
  ["a tag", "a: !secret b\n", "f:1 has a YAML tag (`!…`), which jiji does not support"],
  ["a binary value", "a: !!binary aGk=\n", "f:1 has a YAML type that jiji does not support; put quotes around it"]
]

describe("parseYaml reports the line of", () => {
  for (const [protects, text, ...problems] of table) {
    it.live(protects, () => Effect.sync(() => expect(faults(text)).toEqual([...problems])))
  }
})

const level = (name: string, of: string) =>
  `${name}: &${name} [${Array.from({ length: 10 }, () => `*${of}`).join(", ")}]\n`

it.live("rejects aliases that expand to a billion values", () =>
  Effect.sync(() => {
    const text = `a: &a [${"x, ".repeat(10)}]\n${"bcdefghi"
      .split("")
      .map((name, i) => level(name, "abcdefgh"[i] ?? "a"))
      .join("")}`
    expect(faults(text)).toEqual(["f:5 has more than 100000 values when its aliases are expanded"])
  })
)

it.live("stops at the first of many merged maps that exceed the limit", () =>
  Effect.sync(() => {
    const chain = Array.from({ length: 2500 }, (_, n) => `m${n}: &m${n} { <<: *m${n - 1}, k${n}: 1 }\n`).slice(1)
    const [first, ...more] = faults(`m0: &m0 { k: 1 }\n${chain.join("")}`)
    // The first 447 merge 447 * 448 / 2 values.
    expect(first).toBe("f:448 merges more than 100000 values with `<<`, together with the merges above")
    // There may be a second problem for the size of the whole file.
    expect(more.length).toBeLessThanOrEqual(1)
  })
)

it.live("resolves an alias to the last value above it with that anchor", () =>
  Effect.sync(() => expect(value("a: &x 1\nb: *x\nc: &x 2\nd: *x\n")).toEqual({ a: 1, b: 1, c: 2, d: 2 }))
)

describe("load reports", () => {
  it.live("an empty file", () =>
    Effect.gen(function* () {
      expect(yield* problemsOf("")).toEqual(["1 the file is empty"])
      expect(yield* problemsOf("# nothing yet\n")).toEqual(["1 the file is empty"])
    })
  )
  it.live("the first line that is not UTF-8", () =>
    Effect.gen(function* () {
      const latin1 = Buffer.from("project: shop\n# caf\xe9\n", "latin1")
      expect(yield* problemsOf(latin1)).toEqual(["2 is not UTF-8 text; save the file in that encoding"])
      const utf16 = Buffer.from("\uFEFFproject: shop\n", "utf16le")
      expect(yield* problemsOf(utf16)).toEqual(["1 is not UTF-8 text; save the file in that encoding"])
    })
  )
})

it.live("does not quote the file in syntax errors, since it may contain secrets", () =>
  Effect.sync(() => {
    for (const text of [
      "a: |hunter2\n  b\n",
      "a: 'x' hunter2\n",
      'a: "\\hunter2"\n',
      "a: [hunter2 }\n",
      "]hunter2\n",
      "a: &hunter2: 1\n"
    ]) {
      expect(faults(text).length).toBeGreaterThan(0)
      expect(faults(text).join("\n")).not.toContain("hunter2")
    }
  })
)
