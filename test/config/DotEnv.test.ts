import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { type DotEnvValue, parseDotEnv } from "../../src/config/DotEnv.ts"

const written = (value: DotEnvValue | undefined) => (value?._tag === "Text" ? value.text : value)

const table: ReadonlyArray<readonly [protects: string, text: string, values: Readonly<Record<string, string>>]> = [
  ["plain values", "A=1\nB=two words \n C = 3\n", { A: "1", B: "two words", C: "3" }],
  ["export", "export A=1\nexport  B='2'\n", { A: "1", B: "2" }],
  ["comments", "# A=0\nA=1 # one\n\n  # more\nB='2' # two\n", { A: "1", B: "2" }],
  ["a # inside a value without quotes", "A=abc#def\nB=#x\nC='# y'\n", { A: "abc#def", B: "#x", C: "# y" }],
  ["equal signs in values", "A=a=b==\n", { A: "a=b==" }],
  [
    "$ literally, without expanding variables",
    'A=1\nB=$A\nC="${A}"\nD="\\$A"\nE=`$(id)`\n',
    { A: "1", B: "$A", C: "${A}", D: "$A", E: "$(id)" }
  ],
  ["escapes in double quotes", '"A"=x\nA="a\\nb\\t\\"c\\"\\\\d\\e"\n'.slice(6), { A: 'a\nb\t"c"\\d\\e' }],
  ["backslashes in single quotes literally", "A='a\\nb\"'\n", { A: 'a\\nb"' }],
  [
    "values with several lines",
    "KEY=\"-----BEGIN-----\nabc\n-----END-----\"\nB='x\n\ny'\nC=3",
    { KEY: "-----BEGIN-----\nabc\n-----END-----", B: "x\n\ny", C: "3" }
  ],
  ["empty values", "A=\nB=''\nC= # none\n", { A: "", B: "", C: "" }],
  ["files with Windows line ends", "A=1\r\nB='2\r\n3'\r\n", { A: "1", B: "2\n3" }],
  ["the last of two lines with the same name", "A=1\nA=2\n", { A: "2" }],
  ["names of built-in object properties", "__proto__=1\nconstructor=2\n", { ["__proto__"]: "1", constructor: "2" }]
]

describe("parseDotEnv reads", () => {
  for (const [protects, text, values] of table) {
    test(protects, () => {
      const parsed = parseDotEnv(text)
      expect(parsed.faults).toEqual([])
      expect([...parsed.values].map(([name, value]) => [name, written(value)])).toEqual(Object.entries(values))
    })
  }
})

describe("parseDotEnv reads a value as a command", () => {
  for (const [value, command] of [
    ["$(op read op://deploy/token)", "op read op://deploy/token"],
    ["$(pass show a) # a comment", "pass show a"],
    ["$(echo \"a) # b\" 'c)' \\))", "echo \"a) # b\" 'c)' \\)"],
    ["$(echo $(id) (x))", "echo $(id) (x)"],
    ['"$(echo \\"a b\\"\nid)"', 'echo "a b"\nid'],
    ["$()", ""]
  ] as const) {
    test(value, () => {
      const { faults, values } = parseDotEnv(`B=1\nA=${value}\nC=1\n`)
      expect([faults, values.get("A"), written(values.get("C"))]).toEqual([[], { _tag: "Command", command }, "1"])
    })
  }
  for (const value of ["'$(id)'", "`$(id)`", '"\\$(id)"', "x$(id)", '"x$(id)"']) {
    test(`but not ${value}`, () => expect(written(parseDotEnv(`A=${value}`).values.get("A"))).toMatch(/^x?\$\(id\)$/u))
  }
  for (const [value, message] of [
    ["$(hunter2", "opens a command with $( but does not close it; use single quotes for a literal value"],
    ["$(a)hunter2", "has text after the command in $( ); use single quotes for a literal value"],
    ['"$(a) hunter2"', "has text after the command in $( ); use single quotes for a literal value"]
  ] as const) {
    test(`and reports ${value} as an error instead of using it as a literal value`, () =>
      expect(parseDotEnv(`B=1\nA=${value}`).faults).toEqual([{ line: 2, message }]))
  }
})

describe("parseDotEnv reports the line number without quoting the line", () => {
  for (const [protects, text, line, message] of [
    ["a line without =", "A=1\nhunter2\nB=2\n", 2, "does not have the form NAME=value"],
    ["an invalid name", "A-B=hunter2\n", 1, "does not have the form NAME=value"],
    ["a NUL byte", "A=1\nB=hunter2\0\n", 2, "contains a NUL byte, which no variable can hold"],
    ["an unclosed quote", "A='1\n2'\nB=\"hunter2\nC=3\n", 3, 'opens a value with " but does not close it'],
    [
      "text after the closing quote",
      "\nA='it's hunter2\nB=x'\n",
      2,
      "has text after the closing quote; escape a quote inside the value with a backslash, or use other quotes"
    ]
  ] as const) {
    test(protects, () => {
      expect(parseDotEnv(text).faults[0]).toEqual({ line, message })
      expect(JSON.stringify(parseDotEnv(text).faults)).not.toContain("hunter2")
    })
  }
  test("every invalid line, and reads the other lines", () => {
    const { faults, values } = parseDotEnv("x\nA=1\ny\n")
    expect([faults.map(({ line }) => line), written(values.get("A"))]).toEqual([[1, 3], "1"])
  })
})

test("parseDotEnv reads any escaped value in double quotes", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }).filter((value) => !value.includes("\0")),
      (value) => {
        const quoted = value
          .replace(/["\\$]/gu, "\\$&")
          .replace(/\n/gu, "\\n")
          .replace(/\r/gu, "\\r")
        expect(written(parseDotEnv(`B=1\nA="${quoted}" # c\nC=2`).values.get("A"))).toBe(value)
      }
    )
  )
})

test("parseDotEnv terminates for any text", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("A", "=", "'", '"', "\\", "\n", " ", "#", "`") }),
      (text) => void parseDotEnv(text)
    )
  )
})
