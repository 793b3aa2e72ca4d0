import { expect, test } from "bun:test"
import { namedTriggers } from "../../../src/cli/pipelines/triggers.ts"
import { Trigger } from "../../../src/index.ts"

test("each trigger of a pipeline has a name of its own", () => {
  const on = [Trigger.cron("0 3 * * *"), Trigger.github(), Trigger.cron("0 4 * * 1-5"), Trigger.registry("acme/web")]
  const named = namedTriggers("release", on)
  expect(typeof named === "string" ? named : named.map(({ name }) => name)).toEqual([
    "release.cron",
    "release.github",
    "release.cron-2",
    "release.registry"
  ])
})

test("triggers have the same defaults as in deploy.yml", () => {
  const secret = "WEBHOOK_SECRET"
  expect(
    [
      Trigger.github(),
      Trigger.gitlab({ tag: "v*" }),
      Trigger.gitea({ push: ["main", "next"], secret: "OTHER" }),
      Trigger.dockerHub("acme/web"),
      Trigger.registry(["a", "b"], { tag: "v*" }),
      Trigger.webhook(),
      Trigger.cron("0 3 * * *"),
      Trigger.event(["RunFailed", "RunInterrupted"], { of: "deploy", input: { text: "$run" } })
    ].map(({ source }) => source)
  ).toEqual([
    { _tag: "GitHub", secret, branches: ["**"], tags: [] },
    { _tag: "GitLab", secret, branches: [], tags: ["v*"] },
    { _tag: "Gitea", secret: "OTHER", branches: ["main", "next"], tags: [] },
    { _tag: "DockerHub", secret, image: ["acme/web"] },
    { _tag: "Registry", secret, image: ["a", "b"], tags: ["v*"] },
    { _tag: "Webhook", secret },
    { _tag: "Cron", cron: "0 3 * * *", timeZone: "UTC" },
    { _tag: "Event", on: ["run.failed", "run.interrupted"], of: "deploy" }
  ])
})

test("triggers that make no sense are reported", () => {
  const list = 'must be a list of triggers, such as [Trigger.cron("0 3 * * *")]'
  for (const on of [3, {}, "0 3 * * *", [{}], ["x"], [{ source: { _tag: "Cron" }, input: {} }]]) {
    expect(namedTriggers("p", on)).toContain(list)
  }
  expect(namedTriggers("p", [Trigger.cron("soon")])).toStartWith(
    "The trigger p.cron is not valid. The line must be a cron"
  )
  expect(namedTriggers("p", [Trigger.cron("0 3 * * *", { timeZone: "Mars" })])).toContain(
    "The time zone must be a time zone"
  )
  expect(namedTriggers("p", [Trigger.github({ input: { a: ["$time"] } })])).toBe(
    "The trigger p.github is not valid. $time is unknown; with github, use $branch, $tag, $commit, $repository, $sender, or $.field for a field of the payload."
  )
  expect(namedTriggers("p", [Trigger.github({ input: { a: "$5" } })])).toContain("$5 is not a reference")
  expect(namedTriggers("p", [Trigger.github({ input: { a: "$$5" } })])).toHaveLength(1)
})
