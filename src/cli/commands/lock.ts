import { Duration, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { select } from "../../config/select.ts"
import { defineError } from "../../core/defineError.ts"
import { plural } from "../../core/text.ts"
import { lock } from "../../steps/LockPipeline.ts"
import { durationFlag } from "../durationFlag.ts"
import { dryRunFlag, hostsFlag, jsonFlag, optionalProperty, projectFlags, waitFlag } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { runDry } from "../runDry.ts"
import { runLive } from "../runLive.ts"

/** `jiji lock` got no message. */
export class NoLockMessage extends defineError<NoLockMessage>()("NoLockMessage", {
  fields: {},
  message: "A lock needs a message for those who find the project locked.",
  remedy: 'Say why: jiji lock --message "moving the database" --for 2h',
  exitCode: "usage",
  sample: {}
}) {}

const day = 24 * 60 * 60 * 1000

/** `jiji lock`. */
export const command = Command.make(
  "lock",
  {
    ...projectFlags,
    message: Flag.String("message").pipe(
      Flag.withAlias("m"),
      Flag.withMetavar("TEXT"),
      Flag.withDescription("Say why the project is locked; others see it"),
      Flag.withDefault("")
    ),
    lockFor: durationFlag(
      "for",
      "a duration from 1s to 30d, such as 30m or 2h: a lock always ends",
      1000,
      30 * day
    ).pipe(
      Flag.withDescription("How long the lock lasts: 30m, 2h, 3d, up to 30d (default: 1h)"),
      Flag.withDefault(Duration.hours(1))
    ),
    wait: waitFlag,
    hosts: hostsFlag,
    dryRun: dryRunFlag,
    json: jsonFlag
  },
  Effect.fnUntraced(function* ({ config, dryRun, environment, hosts, json, lockFor, message, wait }) {
    const text = message.trim()
    if (text === "") return yield* new NoLockMessage()
    const project = yield* select(yield* loadProject({ config, environment }), { servers: hosts })
    const input = { project, message: text, lockFor, ...optionalProperty("waitForLock", wait) }
    if (!dryRun) return void (yield* runLive(lock, input, { json }))
    const heading = `Dry run: lock ${project.name} on ${plural(project.servers.length, "server")}.`
    yield* runDry(lock, input, { json, heading: [heading, "Nothing is changed and no connection is made."] })
  })
).pipe(
  Command.withDescription(descriptions.lock),
  Command.withExamples([
    { command: 'jiji lock --message "moving the database"', description: "Lock the project for an hour" },
    { command: 'jiji lock -m "code freeze" --for 3d -e production', description: "Lock an environment for three days" },
    { command: 'jiji lock -m "hotfix" --wait 10m', description: "Wait for a deploy to end, then lock" }
  ])
)
