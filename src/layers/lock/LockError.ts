import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"
import { joinWords } from "../../core/text.ts"
import { formatWait } from "../../core/units.ts"
import { Holder, holderText, whose } from "./Holder.ts"

const sample = {
  kind: "mark",
  user: "ann",
  machine: "laptop",
  run: "mf3k2a9c-7q1x",
  command: "lock",
  message: "moving the database",
  since: Date.UTC(2026, 10, 29, 6, 10),
  until: Date.UTC(2026, 10, 29, 8, 10),
  id: "4f1d"
} as const

const Held = Schema.Struct({ servers: Schema.Array(Schema.String), holder: Holder })

const startOver = "Wait for it with `--wait 10m`, or try again later"

const advice = (holder: Holder, isOwn: boolean): string => {
  if (holder.kind === "run") return `${startOver}.`
  if (isOwn) return "This is your own lock. End it with `jiji unlock`."
  return `${startOver}. If ${whose(holder)} agrees, end it with \`jiji unlock --force\`.`
}

/** Somebody holds the project's lock on a server. Nothing was changed. */
export class LockHeld extends defineError<LockHeld>()("LockHeld", {
  fields: {
    project: Schema.String,
    held: Schema.Array(Held),
    /** Whether it is a lock of the same person and machine. */
    isOwn: Schema.Boolean,
    /** How long jiji has waited. */
    waitedMillis: Schema.Finite
  },
  message: (e) => {
    const waited = e.waitedMillis === 0 ? "" : ` jiji waited for ${formatWait(e.waitedMillis)}.`
    return e.held
      .map(({ holder, servers }) => `${holderText(e.project, joinWords(servers), holder)}.`)
      .join("\n")
      .concat(waited)
  },
  remedy: (e) => [...new Set(e.held.map(({ holder }) => advice(holder, e.isOwn)))].join("\n"),
  exitCode: "failed",
  sample: [
    { project: "shop", held: [{ servers: ["web1", "web2"], holder: sample }], isOwn: false, waitedMillis: 0 },
    {
      project: "shop",
      held: [
        {
          servers: ["web1"],
          holder: {
            kind: "run",
            user: "ann",
            machine: "laptop",
            run: "mf3k2a9c-7q1x",
            command: "deploy",
            since: sample.since
          }
        }
      ],
      isOwn: false,
      waitedMillis: 300_000
    }
  ]
}) {}

/** The script that keeps the lock failed. */
export class LockFailed extends defineError<LockFailed>()("LockFailed", {
  fields: { server: Schema.String, project: Schema.String, reason: Schema.String },
  message: (e) => `Cannot use the lock of ${e.project} on ${e.server}: ${e.reason}`,
  remedy: (e) =>
    `On ${e.server}, look at \`ls -l /var/tmp/jiji.${e.project}.*\`, and remove as root what another user has put there.`,
  exitCode: "failed",
  sample: { server: "web1", project: "shop", reason: "/var/tmp/jiji.shop.marks.1000 belongs to the user nobody" }
}) {}

/** Another person's lock is not ended without being asked to. */
export class LockNotOwn extends defineError<LockNotOwn>()("LockNotOwn", {
  fields: { project: Schema.String, held: Schema.Array(Held) },
  message: (e) =>
    e.held.map(({ holder, servers }) => `${holderText(e.project, joinWords(servers), holder)}.`).join("\n"),
  remedy: (e) => {
    const owners = [...new Set(e.held.map(({ holder }) => whose(holder)))]
    return `Ask ${joinWords(owners)}, or end the lock anyway with \`jiji unlock --force\`.`
  },
  exitCode: "failed",
  sample: { project: "shop", held: [{ servers: ["web1"], holder: sample }] }
}) {}

/** A project is still locked after `jiji unlock`. */
export class StillLocked extends defineError<StillLocked>()("StillLocked", {
  fields: { project: Schema.String, held: Schema.Array(Held) },
  message: (e) =>
    e.held
      .map(({ holder, servers }) => `Still locked: ${holderText(e.project, joinWords(servers), holder)}.`)
      .join("\n"),
  remedy: (e) => {
    const servers = joinWords([...new Set(e.held.flatMap(({ servers }) => servers))])
    return `Run \`jiji unlock --force\` again. If that does not help, remove the locks on ${servers} as root: rm /var/tmp/jiji.${e.project}.marks.*`
  },
  exitCode: "failed",
  sample: { project: "shop", held: [{ servers: ["web1"], holder: sample }] }
}) {}
