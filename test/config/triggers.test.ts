import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { loadText, smallest } from "./project.ts"
import { testProblems, top } from "./problems.ts"

const trigger = (keys: string) => top(`triggers: { t: { ${keys} } }`)
const fields = "five fields: minute, hour, day of the month, month, day of the week"
const form = "write $name or $.field, alone or after --flag=, and $$ for a dollar sign"

describe("reports", () => {
  testProblems([
    [
      "a cron line that is none",
      trigger("cron: soon, run: deploy"),
      `8 triggers.t.cron: must be a cron line of ${fields}, not "soon"`
    ],
    [
      "a cron line with seconds",
      trigger('cron: "* * * * * *", run: deploy'),
      `8 triggers.t.cron: must be a cron line of ${fields}, not "* * * * * *"`
    ],
    [
      "a cron line with a minute that does not exist",
      trigger('cron: "61 * * * *", run: deploy'),
      `8 triggers.t.cron: is not a cron line of ${fields}: expected a value between 0 and 59`
    ],
    [
      "a cron line whose day never comes",
      trigger('cron: "0 0 30 2 *", run: deploy'),
      "8 triggers.t.cron: never happens: its months have no such day"
    ],
    [
      "a time zone that does not exist",
      trigger('cron: "0 3 * * *", time_zone: Mars/Olympus, run: deploy'),
      '8 triggers.t.time_zone: must be a time zone such as Europe/Berlin or UTC, not "Mars/Olympus"'
    ],
    [
      "a time zone without a cron line",
      trigger("webhook: { secret: HOOK }, time_zone: UTC, run: deploy"),
      "8 triggers.t.time_zone: belongs to cron; remove it"
    ],
    [
      "a trigger without a source",
      trigger("run: deploy"),
      "8 triggers.t: needs one of cron, webhook, github, gitlab, gitea, docker_hub, registry or event: what starts a run"
    ],
    [
      "a trigger with two sources",
      trigger('cron: "0 3 * * *", webhook: { secret: HOOK }, run: deploy'),
      "8 triggers.t: has both cron and webhook; make a trigger of each"
    ],
    [
      "a trigger that starts nothing",
      trigger("webhook: { secret: HOOK }"),
      "8 triggers.t: needs either run, a command, or pipeline, the name of one"
    ],
    [
      "a command that does not exist",
      trigger("webhook: { secret: HOOK }, run: deply --version $.tag"),
      '8 triggers.t.run: a trigger cannot start "deply"; did you mean `deploy`?'
    ],
    [
      "a command that jiji serve does not run",
      trigger("webhook: { secret: HOOK }, run: [doctor]"),
      '8 triggers.t.run: a trigger cannot start "doctor"; use deploy, rollback, start, stop, restart, maintenance, prune or run'
    ],
    [
      "an input without a pipeline",
      trigger("webhook: { secret: HOOK }, run: deploy, input: { a: 1 }"),
      "8 triggers.t.input: belongs to pipeline; write flags into run"
    ],
    [
      "a secret that is not a name, without printing it in full",
      trigger("webhook: { secret: hunter22 }, run: deploy"),
      "8 triggers.t.webhook.secret: must be the name of a secret in capitals, such as API_TOKEN, not this string"
    ],
    [
      "a value that the source does not have",
      trigger("webhook: { secret: HOOK }, run: deploy --version $commit"),
      "8 triggers.t.run: $commit is unknown; with webhook, use $id, or $.field for a field of the payload"
    ],
    [
      "a field of a payload that does not exist",
      trigger('cron: "0 3 * * *", pipeline: p, input: { a: [$.x] }'),
      "8 triggers.t.input.a[0]: cron has no payload; use $time"
    ],
    [
      "a reference that is none",
      trigger('github: { secret: HOOK }, pipeline: p, input: { a: "${after}" }'),
      `8 triggers.t.input.a: \${after} is not a reference; ${form}`
    ],
    [
      "a reference inside a word",
      trigger("github: { secret: HOOK }, run: deploy --version v$commit"),
      `8 triggers.t.run: v$commit has a reference inside; ${form}`
    ],
    [
      "a command that begins with jiji",
      trigger("webhook: { secret: HOOK }, run: jiji deploy"),
      "8 triggers.t.run: must not begin with jiji; leave it out"
    ],
    [
      "an unknown event",
      trigger("event: { on: [run.suceeded] }, run: deploy"),
      '8 triggers.t.event.on[0]: must be run.succeeded, run.failed or run.interrupted, not "run.suceeded"; did you mean `run.succeeded`?'
    ]
  ])
})

it.live("a push trigger without filters is for all branches and no tags", () =>
  Effect.gen(function* () {
    const { triggers } = yield* loadText(
      `${smallest}triggers:\n  a: { github: { secret: HOOK }, run: deploy }\n  b: { github: { secret: HOOK, tag: "v*" }, run: deploy }\n`
    )
    expect(triggers?.map(({ source }) => source)).toEqual([
      { _tag: "GitHub", secret: "HOOK", branches: ["**"], tags: [] },
      { _tag: "GitHub", secret: "HOOK", branches: [], tags: ["v*"] }
    ])
  })
)
