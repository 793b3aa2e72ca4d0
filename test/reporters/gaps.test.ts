import { expect, test } from "bun:test"
import { summaryMarkdown } from "../../src/reporters/github/jobSummary.ts"
import { deployRows, deployTable } from "../../src/reporters/table.ts"
import { story } from "./story.ts"

const deployed = (service: string, gap?: number) => ({
  deployed: {
    service,
    server: "web1",
    version: "abc1234",
    digest: "sha256:1",
    outcome: "replaced",
    because: [],
    container: "c0ffee",
    ...(gap !== undefined && { gap })
  }
})

const events = (gap?: number) => {
  const at = (service: string) => `deploy/servers[web1]/services[${service}]`
  const end = (service: string, result: unknown) =>
    [
      [1, `${at(service)}/deploy`, { _tag: "StepSucceeded", kind: "step", millis: 1, result }],
      [2, at(service), { _tag: "StepSucceeded", kind: "item", millis: 2 }]
    ] as const
  return story(...end("web", deployed("web")), ...end("data", deployed("data", gap)))
}

test("the table shows how long nothing answered, where that happened", () => {
  expect(deployTable(deployRows(events(0.84)), 200)).toEqual([
    "SERVICE  SERVER  VERSION  DIGEST  OUTCOME   TIME  GAP",
    "web      web1    abc1234  1       replaced  2 ms  -",
    "data     web1    abc1234  1       replaced  2 ms  840 ms"
  ])
  expect(deployTable(deployRows(events()), 200)[0]).toBe("SERVICE  SERVER  VERSION  DIGEST  OUTCOME   TIME")
})

test("so does the summary on GitHub", () => {
  expect(summaryMarkdown(events(1.5), { project: "shop" })).toContain("| Outcome | Time | Gap |")
  expect(summaryMarkdown(events(1.5), { project: "shop" })).toContain("| replaced | 2 ms | 1.5 s |")
  expect(summaryMarkdown(events(), { project: "shop" })).not.toContain("Gap")
})
