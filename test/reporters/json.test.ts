import { describe, expect, test } from "bun:test"
import { Schema } from "effect"
import { meanings } from "../../docs/source/events.ts"
import { Event } from "../../src/core/Event.ts"
import { json } from "../../src/reporters/json.ts"
import { faults } from "../docs/eventLines.ts"
import { failure, interruption, noise, success } from "./story.ts"

const written = (events: ReadonlyArray<Event>) => {
  let text = ""
  const reporter = json({ write: (more) => (text += more) })
  for (const event of events) reporter.event(event)
  reporter.end()
  return text
}

describe("events as lines of JSON", () => {
  for (const [name, events] of Object.entries({ success, failure, interruption, noise })) {
    test(`match the published schema and decode to the same events (${name})`, () => {
      const text = written(events)
      expect(faults(text)).toEqual([])
      const read = Schema.decodeSync(Schema.fromJsonString(Event), { onExcessProperty: "error" })
      expect(
        text
          .trimEnd()
          .split("\n")
          .map((line) => read(line))
      ).toEqual([...events])
    })
  }

  test("contain no characters that control a terminal or end a line", () => {
    // oxlint-disable-next-line no-control-regex -- matches control characters
    for (const line of written(noise).split("\n")) expect(line).not.toMatch(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u)
  })

  test("are rejected by the published schema if they are invalid", () => {
    const [first] = success
    for (const broken of [{ ...first, seq: "1" }, { ...first, version: 2 }, { ...first, _tag: "Nope" }, {}]) {
      expect(faults(`${JSON.stringify(broken)}\n`)).toHaveLength(1)
    }
    expect(faults('{"_tag"')).toHaveLength(1)
  })

  test("are all explained in the docs", () => {
    expect([...meanings.keys()]).toEqual(Event.members.map(({ fields }) => fields._tag.schema.literal))
  })
})
