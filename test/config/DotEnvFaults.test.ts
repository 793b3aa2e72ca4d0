import { describe, expect, test } from "bun:test"
import { parseDotEnv } from "../../src/config/DotEnv.ts"

/** Which of the variables a line with a syntax error may define. */
const suspects = (text: string) => {
  const { mayDefine } = parseDotEnv(text)
  return ["A", "B", "C", "A_B"].filter(mayDefine)
}

describe("a line with a syntax error may define", () => {
  for (const [protects, text, names] of [
    ["nothing if its key is no variable name", "A=1\nfoo.bar=1\nx-y = 2\nB=2\n", []],
    ["nothing if the key only contains a name", "A_B.x=1\nfoo.A=1\nA-B=1\n", []],
    ["nothing if the name is in its value", "foo.bar=A=1\n", []],
    ["the variable in its key", 'set A=1\n"B"=2\n$C = 3\n', ["A", "B", "C"]],
    ["the variable that it names without =", "A: 1\nexport B\n", ["A", "B"]],
    ["the variable above it, if it has no =", "A=1\nB=1\nrest of the value\nC=1\n", ["B"]],
    ["the variable above it, if it ends a base64 text", "A=MIIEpAIBAAKC\nx+/yzAQAB==\nB=1\n", ["A"]],
    ["its own variable, if its value has an error", "A=$(x)y\nB=a\0\nC=1\n", ["A", "B"]],
    ["its own variable and those below, if a quote is not closed", "A=1\nB='x\nC=1\n", ["B", "C"]],
    ["its own variable and those below, if text follows a quote", "A=1\nB='it's\nC=x'\n", ["B", "C"]],
    ["its own variable and those below, if a command is not closed", "A=1\nB=$(x\nC=1\n)\n", ["B", "C"]],
    ["the variables below, if a quote after an odd key is not closed", "A=1\nfoo.bar='x\nC=1\n", ["C"]]
  ] as const) {
    test(protects, () => expect(suspects(text)).toEqual([...names]))
  }
})

test("a quoted value after an odd key can have several lines, which define nothing", () => {
  const { faults, mayDefine, values } = parseDotEnv('foo.bar="x\nA=no\n"\nB=1\n')
  expect(faults).toEqual([{ line: 1, message: "does not have the form NAME=value" }])
  expect([[...values.keys()], mayDefine("A")]).toEqual([["B"], false])
})

test("a missing variable may be in a line whose key resembles it, and in one without =", () => {
  const { linesFor } = parseDotEnv("foo.bar=1\ndatabase.url=2\nDATABASE-URL=3\nDATABASE URL=4\nhunter2\nset x.y=1\n")
  expect(linesFor("DATABASE_URL")).toEqual([2, 3, 4, 5])
  expect(linesFor("TOKEN")).toEqual([5])
})
