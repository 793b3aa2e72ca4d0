import { describe, expect, test } from "bun:test"
import { Effect, Schema } from "effect"
import { accessDenied, defineError } from "../../src/core/defineError.ts"
import { ExitCode, type Failure, isFailure } from "../../src/core/Failure.ts"

class DoorStuck extends defineError<DoorStuck>()("DoorStuck", {
  fields: {
    room: Schema.String,
    floor: Schema.optionalKey(Schema.Int),
    reason: Schema.Literals(["locked", "broken"]),
    cause: Schema.optionalKey(Schema.Defect())
  },
  message: ({ reason, room }) => `The door of ${room} is ${reason}.`,
  remedy: ({ reason }) => ({ locked: "Unlock the door.", broken: "Repair the door." })[reason],
  exitCode: ({ reason }) => (reason === "locked" ? "permission" : "unavailable"),
  sample: [
    { room: "the kitchen", reason: "locked" },
    { room: "the attic", floor: 3, reason: "broken" }
  ]
}) {
  get isLocked(): boolean {
    return this.reason === "locked"
  }
}

class LightOut extends defineError<LightOut>()("LightOut", {
  fields: {},
  message: "The light is out.",
  remedy: "Change the bulb.",
  exitCode: "failed",
  sample: {}
}) {}

describe("an error class", () => {
  test("derives message, remedy and exit code from the fields", () => {
    const stuck: Failure = new DoorStuck({ room: "the cellar", reason: "broken" })
    expect(stuck).toBeInstanceOf(Error)
    expect(isFailure(stuck)).toBe(true)
    expect(stuck._tag).toBe("DoorStuck")
    expect(stuck.message).toBe("The door of the cellar is broken.")
    expect(stuck.remedy).toBe("Repair the door.")
    expect(stuck.exitCode).toBe(ExitCode.unavailable)
  })

  test("takes texts and an exit code that are always the same", () => {
    const out: Failure = new LightOut()
    expect(isFailure(out)).toBe(true)
    expect([out._tag, out.message, out.remedy, out.exitCode]).toEqual([
      "LightOut",
      "The light is out.",
      "Change the bulb.",
      ExitCode.failed
    ])
  })

  test("may have members of its own", () => {
    expect(new DoorStuck({ room: "the cellar", reason: "locked" }).isLocked).toBe(true)
  })

  test("is yielded, and caught by its tag", () => {
    const enter = (room: string) =>
      Effect.gen(function* () {
        if (room === "the cellar") return yield* new DoorStuck({ room, reason: "locked" })
        return `inside ${room}`
      }).pipe(Effect.catchTag("DoorStuck", (error) => Effect.succeed(error.message)))
    expect(Effect.runSync(enter("the attic"))).toBe("inside the attic")
    expect(Effect.runSync(enter("the cellar"))).toBe("The door of the cellar is locked.")
  })

  test("is encoded and decoded by its fields, causes included", () => {
    const cause = accessDenied("/dev/door")
    const encoded = Schema.encodeSync(DoorStuck)(new DoorStuck({ room: "the cellar", reason: "locked", cause }))
    expect(encoded).toMatchObject({ _tag: "DoorStuck", room: "the cellar", reason: "locked" })
    expect(Object.keys(encoded).sort()).toEqual(["_tag", "cause", "reason", "room"])
    const decoded = Schema.decodeSync(DoorStuck)(encoded)
    expect(decoded).toBeInstanceOf(DoorStuck)
    expect(decoded.message).toBe("The door of the cellar is locked.")
    expect(decoded.cause).toMatchObject({ message: cause.message })
  })

  test("rejects fields of another type", () => {
    expect(() => Schema.decodeUnknownSync(DoorStuck)({ _tag: "DoorStuck", room: 3, reason: "locked" })).toThrow()
  })

  test("has its samples as instances", () => {
    expect(DoorStuck.samples.map((sample) => [sample instanceof DoorStuck, sample.message])).toEqual([
      [true, "The door of the kitchen is locked."],
      [true, "The door of the attic is broken."]
    ])
    expect(LightOut.samples.map(({ message }) => message)).toEqual(["The light is out."])
  })
})

test("the compiler sees which part of an error is missing or wrong", () => {
  const whole = { fields: { room: Schema.String }, message: "", remedy: "", exitCode: "failed" } as const
  const sample = { room: "the cellar" }
  const define = defineError<DoorStuck>()
  const { fields, ...noFields } = whole
  const { message, ...noMessage } = whole
  const { remedy, ...noRemedy } = whole
  const { exitCode, ...noExitCode } = whole
  define("A", { ...whole, sample })
  // @ts-expect-error -- no sample
  define("B", whole)
  // @ts-expect-error -- no message
  define("C", { ...noMessage, sample })
  // @ts-expect-error -- no remedy
  define("D", { ...noRemedy, sample })
  // @ts-expect-error -- no exit code
  define("E", { ...noExitCode, sample })
  // @ts-expect-error -- no sample at all in the list
  define("F", { ...whole, sample: [] })
  // @ts-expect-error -- a field of the sample is missing
  define("G", { ...whole, sample: {} })
  // @ts-expect-error -- no exit code has this name
  define("H", { ...whole, exitCode: "bad", sample })
  // @ts-expect-error -- there is no such field
  define("I", { ...whole, message: ({ house }) => house, sample })
  // @ts-expect-error -- no fields
  define("J", { ...noFields, sample })
  expect([fields, message, remedy, exitCode]).toEqual([whole.fields, "", "", "failed"])
})
