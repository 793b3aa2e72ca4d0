import { describe, expect, test } from "bun:test"
import { Effect, Schema } from "effect"
import { commands, commandWords } from "../../src/serve/page/browser/commands.ts"
import { fieldsOf, inputOf } from "../../src/serve/page/browser/fields.ts"
import { stripAnsi } from "../../src/serve/page/browser/stripAnsi.ts"
import { joinShell, splitWords } from "../../src/serve/page/browser/words.ts"

const schema = Schema.Struct({
  name: Schema.String.annotate({ description: "Who" }),
  times: Schema.Int.check(Schema.isGreaterThan(0)).pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))),
  port: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 })),
  share: Schema.optional(Schema.Finite),
  loud: Schema.Boolean.pipe(Schema.withDecodingDefaultKey(Effect.succeed(true))),
  sure: Schema.Boolean,
  place: Schema.Literals(["staging", "production"]),
  tags: Schema.optionalKey(Schema.Array(Schema.String)),
  where: Schema.optionalKey(Schema.Struct({ x: Schema.Finite }))
})
const fields = fieldsOf(Schema.toJsonSchemaDocument(schema).schema)

describe("the form of a pipeline", () => {
  test("has a field for each part of the schema", () => {
    const none = { description: "", choices: [] }
    expect(fields).toEqual([
      { ...none, name: "name", kind: "text", isRequired: true, description: "Who" },
      { ...none, name: "times", kind: "integer", isRequired: false },
      { ...none, name: "port", kind: "integer", isRequired: true, min: 1, max: 65_535 },
      { ...none, name: "share", kind: "number", isRequired: false },
      { ...none, name: "loud", kind: "boolean", isRequired: false },
      { ...none, name: "sure", kind: "boolean", isRequired: true },
      { ...none, name: "place", kind: "choice", isRequired: true, choices: ["staging", "production"] },
      { ...none, name: "tags", kind: "list", isRequired: false },
      { ...none, name: "where", kind: "json", isRequired: false }
    ])
    expect(fieldsOf({ properties: { level: { type: "integer", default: 3 } } })).toMatchObject([{ initial: "3" }])
    const anyNumber = { anyOf: [{ type: "number" }, { type: "string", enum: ["Infinity", "-Infinity", "NaN"] }] }
    expect(fieldsOf({ properties: { share: anyNumber } })).toMatchObject([{ kind: "number" }])
    for (const other of [undefined, null, 3, "x", [], {}, { properties: [] }]) expect(fieldsOf(other)).toEqual([])
  })

  test("makes an input that the schema takes, and leaves out what is empty", () => {
    const input = inputOf(fields, {
      name: "ann",
      times: "",
      port: "8080",
      share: "0.5",
      loud: "",
      sure: false,
      place: "production",
      tags: "a\nb c\n",
      where: '{"x": 1}'
    })
    expect(input).toEqual({
      name: "ann",
      port: 8080,
      share: 0.5,
      sure: false,
      place: "production",
      tags: ["a", "b c"],
      where: { x: 1 }
    })
    expect(Schema.decodeUnknownSync(schema)(input)).toMatchObject({ times: 1, loud: true })
    expect(inputOf(fields, { loud: "false" })).toEqual({ name: "", loud: false })
    expect(() => inputOf(fields, { where: "{" })).toThrow("where is not valid JSON.")
  })
})

describe("the form of a command", () => {
  const find = (name: string) => {
    const found = commands.find((each) => each.name === name)
    if (found === undefined) throw new Error(name)
    return found
  }
  test("makes the words of the command", () => {
    expect(commandWords(find("deploy"), ["4c1d9e0", "staging", ""], ["--hosts", "web1"])).toEqual([
      "deploy",
      "--version=4c1d9e0",
      "--environment=staging",
      "--hosts",
      "web1"
    ])
    expect(commandWords(find("rollback"), [" 4c1d9e0 ", ""], [])).toEqual(["rollback", "4c1d9e0"])
    expect(commandWords(find("stop"), [], [])).toEqual(["stop", "--yes"])
  })

  test("splits words as a shell does, and joins them again", () => {
    const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
      ["", []],
      ["  --a  b ", ["--a", "b"]],
      [`--message "back at 5" 'it''s'`, ["--message", "back at 5", "its"]],
      [`a\\ b "c\\"d" '\\' ''`, ["a b", 'c"d', "\\", ""]]
    ]
    for (const [line, words] of cases) {
      expect(splitWords(line)).toEqual(words)
      expect(splitWords(joinShell(words))).toEqual(words)
    }
    expect(joinShell(["run", "x", "--name=it's a"])).toBe(`run x '--name=it'\\''s a'`)
    expect(() => splitWords(`"open`)).toThrow('A quote (") is not closed.')
  })
})

test("removes escape sequences as Bun does", () => {
  const escape = "\u001b"
  for (const text of [
    "plain",
    `${escape}[31mred${escape}[0m`,
    `${escape}[1;38;5;200mbold${escape}[m`,
    `a${escape}[2K${escape}[1Gb`,
    `${escape}]0;title\u0007x`,
    `${escape}]8;;https://example.com${escape}\\link${escape}]8;;${escape}\\`,
    `${escape}[38:2:1:2:3mcolour`,
    `${escape}[?25l${escape}[?25h`
  ]) {
    expect([text, stripAnsi(text)]).toEqual([text, Bun.stripANSI(text)])
  }
})
