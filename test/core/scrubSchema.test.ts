import { describe, expect, test } from "bun:test"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { Event, type EventBody } from "../../src/core/Event.ts"
import { CurrentPath, CurrentRun, Events } from "../../src/core/Events.ts"
import { Scrubber } from "../../src/core/Scrubber.ts"
import { scrubbed, scrubEncoded, Structure, Text } from "../../src/core/scrubSchema.ts"
import { Deployed } from "../../src/steps/Deploy.ts"
import { it } from "../support/effect.ts"

const layer = Events.layer.pipe(Layer.provideMerge(Scrubber.layer))
const path = "deploy/servers[web1]/services[text]/build/undo"
const failures = [{ tag: "StepTimedOut", message: "the line", remedy: "see text" }]
const deployed = {
  service: "web",
  server: "web1",
  version: "line",
  digest: "sha256:1",
  outcome: "started",
  because: ["text"],
  container: "c"
}

/** One event of each kind. */
const bodies: ReadonlyArray<EventBody> = [
  { _tag: "RunStarted", version: 1, name: "deploy", parent: "step-1" },
  { _tag: "StepStarted", kind: "step" },
  { _tag: "StepOutput", machine: "local", stream: "stdout", line: "a line of text" },
  { _tag: "StepProgress", label: "new line", bytes: 1, total: 2 },
  { _tag: "StepNoted", level: "info", text: "a line of text" },
  { _tag: "StepRetried", attempt: 1, millis: 1, failures },
  { _tag: "StepSkipped", kind: "step", reason: "no text", millis: 1 },
  { _tag: "StepSucceeded", kind: "step", millis: 1 },
  { _tag: "StepFailed", kind: "step", millis: 1, failures },
  { _tag: "StepInterrupted", kind: "step", millis: 1 },
  { _tag: "ResourceAcquired", resource: "a text" },
  { _tag: "ResourceReleased", resource: "a text", clean: true },
  { _tag: "RunSucceeded", millis: 1 },
  { _tag: "RunFailed", millis: 1, failures },
  { _tag: "RunInterrupted", millis: 1 }
]

/** Every word that the event format itself uses, also as one string with line breaks. */
const words = [
  ...new Set([
    ...bodies.flatMap((body) => [body._tag, ...Object.keys(body), "kind", "step", "millis", "total"]),
    ..."path time tag message remedy stdout info local StepTimedOut step-1".split(" "),
    ...path.split("/").map((part) => part.replace(/\[.*/, ""))
  ])
].filter((word) => word.length >= 4)

/** Publishes an event of each kind with these secrets. Returns what subscribers see. */
const publishAll = (secrets: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { publish, subscribe } = yield* Events
    const scrubber = yield* Scrubber
    const stream = yield* subscribe
    for (const secret of secrets) scrubber.add(Redacted.make(secret))
    for (const body of bodies) {
      yield* publish(body).pipe(Effect.provideService(CurrentPath, path), Effect.provideService(CurrentRun, "step-1"))
    }
    return [...(yield* Stream.runCollect(Stream.take(stream, bodies.length)))]
  }).pipe(Effect.scoped, Effect.provide(layer))

const skeleton = (event: Event) => ({
  ...event,
  ...("line" in event && { line: "" }),
  ...("label" in event && { label: "" }),
  ...("text" in event && { text: "" }),
  ...("reason" in event && { reason: "" }),
  ...("resource" in event && { resource: "" }),
  ...("failures" in event && { failures: event.failures.map(({ tag }) => tag) }),
  path: event.path.replaceAll(/\[.*?\]/g, "[]"),
  time: 0
})

describe("an event", () => {
  it.effect("keeps its structure whatever the secrets are", () =>
    Effect.gen(function* () {
      const plain = yield* publishAll([])
      const events = yield* publishAll([...words, words.join("\n")])
      expect(events.map(skeleton)).toEqual(plain.map(skeleton))
      for (const event of events) {
        expect(Schema.is(Event)(event)).toBe(true)
        expect(event.path).toBe("deploy/servers[web1]/services[<redacted>]/build/undo")
      }
      const texts = events.flatMap((event): ReadonlyArray<unknown> => {
        if ("line" in event) return [event.line]
        if ("text" in event) return [event.text]
        return "failures" in event ? [event.failures] : []
      })
      const hidden = [{ tag: "StepTimedOut", message: "the <redacted>", remedy: "see <redacted>" }]
      expect(texts).toEqual(["a <redacted> of <redacted>", "a <redacted> of <redacted>", hidden, hidden, hidden])
    })
  )

  it.effect("has no secret in its text, in item keys and in names of machines", () =>
    Effect.gen(function* () {
      const { publish, subscribe } = yield* Events
      ;(yield* Scrubber).add(Redacted.make("web1"))
      const stream = yield* subscribe
      yield* publish({ _tag: "StepOutput", machine: "web1", stream: "stderr", line: "on web1" }).pipe(
        Effect.provideService(CurrentPath, "deploy/servers[web1]/my web1"),
        Effect.provideService(CurrentRun, "r")
      )
      const [event] = yield* Stream.runCollect(Stream.take(stream, 1))
      expect(event).toMatchObject({
        machine: "<redacted>",
        line: "on <redacted>",
        path: "deploy/servers[<redacted>]/my <redacted>"
      })
    }).pipe(Effect.scoped, Effect.provide(layer))
  )
})

describe("a result", () => {
  const scrubber = Scrubber.make()
  const all = [...Object.keys(deployed), "deployed", "started", "line", "text", "sha256:1", "hunter22"]
  for (const secret of all) scrubber.add(Redacted.make(secret))
  const scrub = (schema: Schema.Top, value: unknown) => scrubEncoded(schema, value, scrubber)

  test("keeps the keys and literals that its schema declares, and has no secret in its strings", () => {
    expect(scrub(Schema.Struct({ deployed: Deployed }), { deployed })).toEqual({
      deployed: { ...deployed, version: "<redacted>", digest: "<redacted>", because: ["<redacted>"] }
    })
  })

  test("has no secret in keys that its schema does not declare", () => {
    const schema = Schema.Struct({
      line: Schema.Record(Schema.String, Schema.Int),
      text: Schema.optionalKey(Schema.Unknown),
      pair: Schema.Tuple([Schema.Literal("text"), Schema.String]),
      either: Schema.Union([Schema.Literal("line"), Schema.Struct({ text: Schema.String }), Schema.String])
    })
    const value = { line: { hunter22: 1 }, text: { line: ["text"] }, pair: ["text", "text"], either: { text: "line" } }
    expect(scrub(schema, value)).toEqual({
      line: { "<redacted>": 1 },
      text: { "<redacted>": ["<redacted>"] },
      pair: ["text", "<redacted>"],
      either: { text: "<redacted>" }
    })
    expect(scrub(schema, { ...value, either: "hunter22" })).toMatchObject({ either: "<redacted>" })
    expect(scrub(schema, { ...value, either: "line" })).toMatchObject({ either: "line" })
  })

  test("has no secret where it does not match its schema", () => {
    expect(scrub(Schema.Struct({ line: Schema.Int }), { line: "hunter22" })).toEqual({ line: "<redacted>" })
  })
})

test("a schema whose string has no kind is refused, so that a new field of an event has to decide", () => {
  expect(() => scrubbed(Schema.Struct({ note: Schema.String }))).toThrow("note is a string of no kind")
  expect(() => scrubbed(Schema.Struct({ note: Text, id: Schema.optionalKey(Structure) }))).not.toThrow()
})
