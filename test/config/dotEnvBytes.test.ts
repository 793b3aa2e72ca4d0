import { expect, test } from "bun:test"
import { parseDotEnv } from "../../src/config/DotEnv.ts"
import { decodeLines } from "../../src/config/utf8.ts"

const parse = (latin1: string) => parseDotEnv(decodeLines(Buffer.from(latin1, "latin1")))
const text = (value: string) => ({ _tag: "Text", text: value }) as const

test("a byte that is not UTF-8 blocks only the variable that it belongs to", () => {
  const { faults, linesFor, mayDefine, values } = parse('A=1\nB="one\nt\xe9\n"\nC=$(echo \xe9)\nD=\xef\xbf\xbd\nE=3')
  expect([...values]).toEqual([
    ["A", text("1")],
    ["D", text("\uFFFD")],
    ["E", text("3")]
  ])
  expect(faults).toEqual([
    { line: 2, message: "is not UTF-8 text" },
    { line: 5, message: "is not UTF-8 text" }
  ])
  expect(["A", "B", "C", "E"].map(mayDefine)).toEqual([false, true, true, false])
  expect(linesFor("B")).toContain(2)
})

test("a byte that is not UTF-8 harms nothing in a comment", () => {
  const { faults, values } = parse("# caf\xe9\nA=1 # caf\xe9\n")
  expect([[...values], faults]).toEqual([[["A", text("1")]], []])
})

test("a byte order mark is removed, also before a line that is not UTF-8", () => {
  expect([...parse("\xef\xbb\xbf# \xe9\nA=1\n").values]).toEqual([["A", text("1")]])
})
