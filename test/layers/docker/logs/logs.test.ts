import { describe, expect, test } from "bun:test"
import { Effect } from "effect"
import { isLogged, parseTime, secondsOf, timeOf } from "../../../../src/layers/docker/logs/LogLine.ts"
import { logsReader } from "../../../../src/layers/docker/logs/logs.ts"
import { mergeByTime } from "../../../../src/layers/docker/logs/mergeByTime.ts"
import * as Messages from "../../../../src/layers/docker/logs/messages.ts"
import { it } from "../../../support/effect.ts"

const at = (second: number, nanos = 0) =>
  `2026-11-29T14:00:${String(second).padStart(2, "0")}.${String(nanos).padStart(9, "0")}Z`

describe("times", () => {
  test.each([
    ["2026-11-29T14:00:01.123456789Z", "2026-11-29T14:00:01.123456789Z"],
    ["2026-11-29T15:00:01.123456789+01:00", "2026-11-29T14:00:01.123456789Z"],
    ["2026-11-29T14:00:01+00:00", "2026-11-29T14:00:01.000000000Z"],
    ["2026-11-29T14:00:01.5Z", "2026-11-29T14:00:01.500000000Z"]
  ])("%s is %s", (text, time) => expect(parseTime(text)).toBe(time))

  test.each(["Error:", "", "2026-11-29", "2026-99-29T14:00:01Z"])("%p is no time", (text) =>
    expect(parseTime(text)).toBeUndefined()
  )

  test("become what docker's API takes", () => {
    expect(secondsOf(at(1, 123456789))).toBe("1795960801.123456789")
    expect(timeOf(Date.parse("2026-11-29T14:00:01.5Z"))).toBe(at(1, 500_000_000))
  })
})

test("a trial's lines are not wanted, those of a new container and of a second one are", () => {
  const query = { project: "shop", services: ["web", "web-trial"] }
  const wanted = (name: string, service = "web") => isLogged(query, { name, service })
  expect(["shop-web", "shop-web-next", "shop-web-2"].map((name) => wanted(name))).toEqual([true, true, true])
  expect(["shop-web-trial", "shop-web-2-trial"].map((name) => wanted(name))).toEqual([false, false])
  expect(wanted("shop-web-trial", "web-trial")).toBe(true)
  expect(wanted("shop-api", "api")).toBe(false)
})

describe("mergeByTime", () => {
  const sourceOf = (...pieces: ReadonlyArray<ReadonlyArray<number>>) => {
    const left = [...pieces]
    return Effect.sync(() => left.shift()?.map((second) => ({ time: at(second) })))
  }
  const collect = Effect.fnUntraced(function* (...sources: ReadonlyArray<ReturnType<typeof sourceOf>>) {
    const next = mergeByTime(sources)
    const all: Array<number> = []
    for (let lines = yield* next; lines !== undefined; lines = yield* next) {
      all.push(...lines.map(({ time }) => Number(time.slice(17, 19))))
    }
    return all
  })

  it.effect("merges sources of different lengths, with empty pieces", () =>
    Effect.gen(function* () {
      const merged = yield* collect(sourceOf([1, 4], [], [7, 9]), sourceOf([2], [3, 8]), sourceOf(), sourceOf([5]))
      expect(merged).toEqual([1, 2, 3, 4, 5, 7, 8, 9])
    })
  )

  it.effect("reads no further than it must", () =>
    Effect.gen(function* () {
      const asked = { early: 0, late: 0 }
      const counting = (name: keyof typeof asked, second: number) =>
        Effect.sync(() => {
          asked[name]++
          return [{ time: at(second) }]
        })
      const next = mergeByTime([counting("early", 1), counting("late", 50)])
      for (let n = 0; n < 10; n++) yield* next
      expect(asked).toEqual({ early: 10, late: 1 })
    })
  )

  it.effect("fails with a source", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(mergeByTime([sourceOf([1]), Effect.fail("lost")]))).toBe("lost")
    })
  )
})

describe("what logs.sh prints", () => {
  const bytes = (text: string) => Buffer.from(text)
  const header = "= 1 abc shop-web web\n= 2 def shop-api-2 api\n"

  test("becomes lines of containers, wherever the pieces are cut", () => {
    const text = `${header}${at(1)} 1 one é\n${at(2)} 2 two \n${at(3)} 1 \n${at(4)} 9 nobody's\nwarning: nonsense\n`
    const whole = bytes(text)
    for (let size = 1; size < 40; size++) {
      const read = logsReader()
      const batches = Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
        read(whole.subarray(index * size, (index + 1) * size))
      )
      expect(batches.flatMap(({ containers }) => containers.map(({ name }) => name))).toEqual([
        "shop-web",
        "shop-api-2"
      ])
      const lines = batches.flatMap(({ lines }) => lines)
      expect(lines.map(({ container, text, time }) => [container.service, time, text])).toEqual([
        ["web", at(1), "one é"],
        ["api", at(2), "two "],
        ["web", at(3), ""]
      ])
    }
  })

  test("joins the parts of long lines, also where those of two containers mix", () => {
    const read = logsReader()
    const { lines } = read(
      bytes(`${header}${at(1)} 1+ a\n${at(2)} 2+ x\n${at(1)} 1+ b\n${at(2)} 2 y\n${at(1)} 1 c\n${at(3)} 1 d\n`)
    )
    expect(lines.map(({ text, time }) => [time, text])).toEqual([
      [at(2), "xy"],
      [at(1), "abc"],
      [at(3), "d"]
    ])
  })

  test("removes the times that docker's client puts into long lines", () => {
    const part = "x".repeat(16_384)
    const { lines } = logsReader()(bytes(`${header}${at(1)} 1 ${part}${at(1)} ${part}\n`))
    expect(lines.map(({ text }) => text)).toEqual([part + part])
  })

  test("drops what was read before, also after a container has started again", () => {
    const from = new Map([["abc", at(5)]])
    const read = logsReader(from)
    const texts = (text: string) => read(bytes(text)).lines.map((line) => line.text)
    expect(texts(`${header}${at(4)} 1 old\n${at(5)} 1 last\n${at(7)} 1 new\n${at(6)} 1 late\n`)).toEqual([
      "new",
      "late"
    ])
    expect(texts(`= 1 abc shop-web web\n${at(6)} 1 late\n${at(7)} 1 new\n${at(8)} 1 newer\n`)).toEqual(["newer"])
    expect(from.get("abc")).toBe(at(8))
  })

  test("takes no name that could not be one", () => {
    const { containers } = logsReader()(bytes("= 1 abc shop;web web\n= 2 xyz shop-web web\n= 3 abc \u001b[2J web\n"))
    expect(containers).toEqual([])
  })
})

describe("the messages of docker's API", () => {
  const frame = (stream: number, text: string) => {
    const body = Buffer.from(text)
    const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
    head.writeUInt32BE(body.length, 4)
    return Buffer.concat([head, body])
  }
  const inPieces = (whole: Buffer, size: number) => {
    const read = Messages.reader()
    return Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
      read(whole.subarray(index * size, (index + 1) * size))
    ).flat()
  }

  test("become lines, wherever the pieces are cut", () => {
    const whole = Buffer.concat([
      frame(1, `${at(1)} one é\n`),
      frame(2, `${at(2)} two\n`),
      frame(1, `${at(3)} \n`),
      frame(1, `${at(4)}\n`)
    ])
    for (let size = 1; size < 50; size++) {
      expect(inPieces(whole, size)).toEqual([
        { time: at(1), text: "one é" },
        { time: at(2), text: "two" },
        { time: at(3), text: "" },
        { time: at(4), text: "" }
      ])
    }
  })

  test("joins the parts of long lines, of each stream for itself", () => {
    const whole = Buffer.concat([
      frame(1, `${at(1)} a`),
      frame(2, `${at(2)} x`),
      frame(1, `${at(1)} b`),
      frame(2, `${at(2)} y\n`),
      frame(1, `${at(1)} c\n`)
    ])
    expect(inPieces(whole, 1000).map(({ text }) => text)).toEqual(["xy", "abc"])
  })

  test("of a container with a terminal are lines", () => {
    const whole = Buffer.from(`${at(1)} one\r\n${at(2)} two\r\n`)
    for (const size of [1, 7, 1000]) expect(inPieces(whole, size).map(({ text }) => text)).toEqual(["one\r", "two\r"])
  })
})
