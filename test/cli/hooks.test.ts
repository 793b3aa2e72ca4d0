import { describe, expect } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Effect, Exit, Schema } from "effect"
import { Event } from "../../src/core/Event.ts"
import { it } from "../support/effect.ts"
import { sh, good, bad, folder, runWith, read, error } from "./hooked.ts"

describe("a hook", () => {
  it.live("runs in the project's folder, with the event as JSON on stdin and in its environment", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const line = "cat > event.json; env | grep ^JIJI_ | grep -v ^JIJI_RUN= | sort > env"
      const environment = { clear: { GREETING: "hello $USER" }, secrets: ["TOKEN"] }
      const { events, exit, stderr } = yield* runWith(
        root,
        [
          { name: "last", on: ["run.succeeded"], command: sh(line) },
          { on: ["run.succeeded"], command: sh('printf "%s %s" "$GREETING" "$TOKEN" > own'), environment }
        ],
        good,
        { TOKEN: "hunter22hunter" }
      )
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(stderr).toBe("")
      const event = yield* Schema.decodeEffect(Schema.fromJsonString(Event))(read(root, "event.json"))
      expect(event).toEqual(events.at(-1) ?? event)
      expect(event._tag).toBe("RunSucceeded")
      expect(
        read(root, "env")
          .replace(/\d+(?: ms)?\n/g, "N\n")
          .split("\n")
      ).toEqual([
        "JIJI_ENVIRONMENT=staging",
        "JIJI_EVENT=run.succeeded",
        "JIJI_HOOK=last",
        "JIJI_MESSAGE=deploy of shop (staging) succeeded after N",
        "JIJI_MILLIS=N",
        "JIJI_OUTCOME=succeeded",
        "JIJI_PATH=deploy",
        "JIJI_PROJECT=shop",
        "JIJI_VERSION=vN",
        ""
      ])
      expect(read(root, "own")).toBe("hello $USER hunter22hunter")
      expect(JSON.stringify(events)).not.toContain("hunter22")
    })
  )

  it.live("runs in the order of deploy.yml, on the end of the run last", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const say = (what: string) => sh(`sleep 0.0${what.length}; echo ${what} $JIJI_EVENT $JIJI_PATH >> order`)
      yield* runWith(
        root,
        [
          { on: ["run.failed"], command: say("one") },
          { on: ["step.failed", "run.failed", "run.succeeded"], command: say("second") },
          { on: ["step.started"], command: say("three") }
        ],
        bad
      )
      expect(read(root, "order").split("\n")).toEqual([
        "three step.started deploy/pull",
        "second step.failed deploy/pull",
        "one run.failed deploy",
        "second run.failed deploy",
        ""
      ])
    })
  )

  it.live("that fails or does not exist causes a warning without secrets, and does not fail the run", () =>
    Effect.gen(function* () {
      const root = yield* folder
      const environment = { clear: {}, secrets: ["TOKEN"] }
      const { events, exit, stderr } = yield* runWith(
        root,
        [
          { name: "first", on: ["run.started"], command: sh('echo "no $TOKEN" >&2; exit 3'), environment },
          { name: "second", on: ["run.succeeded"], command: ["./missing"] },
          { name: "nowhere", on: ["run.succeeded"], command: ["missing-program"] },
          { name: "third", on: ["run.succeeded"], command: sh("exec 0<&-; sleep 0.1") }
        ],
        good,
        { TOKEN: "hunter22hunter" }
      )
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(stderr).toContain("warning: The hook first failed on run.started: exit code 3: no <redacted>.\n  → ")
      expect(stderr).toContain("second failed on run.succeeded: exit code 127: ./missing does not exist.\n")
      expect(stderr).toContain("nowhere failed on run.succeeded: exit code 127: missing-program is not in PATH.\n")
      expect(stderr).not.toContain("third")
      expect(events.at(-1)?._tag).toBe("RunSucceeded")
    })
  )

  it.live("that fails cannot send escape sequences to the terminal or commands to a CI system", () =>
    Effect.gen(function* () {
      const command = sh("printf '\\033[2J##[error]no\\n::stop-commands::x\\n' >&2; exit 3")
      const { stderr } = yield* runWith(yield* folder, [{ name: "rude", on: ["run.succeeded"], command }], good)
      expect(stderr).toStartWith(
        "warning: The hook rude failed on run.succeeded: exit code 3: # #[error]no\n  | ::stop-commands::x.\n  → "
      )
    })
  )
})

it.live("the secrets of hooks are resolved before the run, and all missing ones are reported at once", () =>
  Effect.gen(function* () {
    const root = yield* folder
    const environment = { clear: {}, secrets: ["TOKEN", "OTHER"] }
    const { events, exit } = yield* runWith(
      root,
      [{ on: ["run.started"], command: sh("touch ran"), environment }],
      good
    )
    expect(error(exit)).toMatchObject({ _tag: "SecretsMissing", secrets: [{ name: "TOKEN" }, { name: "OTHER" }] })
    expect(events).toEqual([])
    expect(existsSync(join(root, "ran"))).toBe(false)
  })
)
