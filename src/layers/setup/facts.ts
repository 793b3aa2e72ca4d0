import { Schema } from "effect"

/** What jiji can do to make a server ready, in this order. */
export const SetupAction = Schema.Struct({
  kind: Schema.Literals(["install", "group", "boot", "logs"]),
  /** The packages, the user, the engine or the file. */
  detail: Schema.String
})
export type SetupAction = typeof SetupAction.Type

/** What the script found, and did. */
export interface SetupFacts {
  readonly distribution: string
  readonly user: string
  readonly engine: string
  /** What is missing. */
  readonly todo: ReadonlyArray<SetupAction>
  /** Why nothing can be done. */
  readonly fault?: "distribution" | "manager" | "root" | "unreadable"
  /** The file of the fault `unreadable`. */
  readonly file?: string
  /** What did not succeed: one of the actions, or the engine did not answer afterwards. */
  readonly failed?: SetupAction["kind"] | "answer"
  /** Whether the engine must restart for new log settings. */
  readonly needsRestart: boolean
  /** Whether the engine is installed, but jiji does not know what starts it at boot: neither systemd nor OpenRC is there. */
  readonly isUnmanaged: boolean
}

const isAction = Schema.is(SetupAction)

/** Reads the output of setup.sh. */
export const parseSetup = (stdout: string): SetupFacts => {
  const lines = stdout.split("\n").map((line) => /^(\S+) (.*)$/u.exec(line)?.slice(1) ?? [])
  const hasNote = (note: string) => lines.some(([word, value]) => word === "note" && value === note)
  const valueOf = (word: string) => lines.find(([each]) => each === word)?.[1]
  const fault = (["distribution", "manager", "root", "unreadable"] as const).find((each) => each === valueOf("fault"))
  const file = valueOf("file")
  const failed = (["install", "group", "boot", "logs", "answer"] as const).find((each) => each === valueOf("failed"))
  return {
    distribution: valueOf("distribution") ?? "unknown",
    user: valueOf("user") ?? "",
    engine: valueOf("engine") ?? "",
    todo: lines.flatMap(([word, value = ""]) => {
      const [kind = "", ...rest] = value.split(" ")
      const action = { kind, detail: rest.join(" ") }
      return word === "todo" && isAction(action) ? [action] : []
    }),
    ...(fault !== undefined && { fault }),
    ...(file !== undefined && { file }),
    ...(failed !== undefined && { failed }),
    needsRestart: hasNote("restart"),
    isUnmanaged: hasNote("unmanaged")
  }
}
