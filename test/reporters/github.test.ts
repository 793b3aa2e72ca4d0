import { describe, expect, test } from "bun:test"
import { Effect, Stream } from "effect"
import * as fc from "fast-check"
import type { Event, EventBody } from "../../src/core/Event.ts"
import { annotations } from "../../src/reporters/github/annotations.ts"
import { endSummary, jobSummary, summaryMarkdown } from "../../src/reporters/github/jobSummary.ts"
import { json } from "../../src/reporters/json.ts"
import { plain } from "../../src/reporters/plain.ts"
import type { Reporter } from "../../src/reporters/Reporter.ts"
import { failure, interruption, manyServers, story, success } from "./story.ts"

const written = (make: (output: { write: (text: string) => void }) => Reporter, events: ReadonlyArray<Event>) => {
  let text = ""
  const reporter = make({ write: (more) => (text += more) })
  for (const event of events) reporter.event(event)
  reporter.end()
  return text
}
const target = { project: "shop" }
const markdown = (events: ReadonlyArray<Event>) => summaryMarkdown(events, target)
const annotated = (events: ReadonlyArray<Event>) => written(annotations, events)

const path = "deploy/servers[web1]/services[web]/deploy"
const failing = (message: string, remedy = "Fix it."): EventBody => ({
  _tag: "StepFailed",
  kind: "step",
  millis: 1,
  failures: [{ tag: "Nope", message, remedy }]
})

/** Whether GitHub's runner treats a line as a command; see its `ActionCommand.cs`. */
const isCommand = (line: string): boolean => line.trimStart().startsWith("::") || line.includes("##[")

describe("annotations", () => {
  test("show failures with their remedies, and warnings", () => {
    expect(annotated(success)).toBe("")
    expect(annotated(failure)).toBe(
      [
        "::error title=web1 web deploy failed::The new container of web on web1 is unhealthy; the old one, if any, keeps running. Last log lines:%0Ano database%0A→ Fix it.",
        "::error title=web2 tunnel failed::web2 does not open port 9270 for a reverse forward.%0A→ Fix it.",
        "::warning title=web2 tunnel::tunnel did not close in time",
        ""
      ].join("\n")
    )
  })

  test("show failures outside all steps", () => {
    const failures = [{ tag: "Nope", message: "No key.", remedy: "Make one." }]
    const run = story([0, "deploy", { _tag: "RunFailed", millis: 1, failures }])
    expect(annotated(run)).toBe("::error title=deploy failed::No key.%0A→ Make one.\n")
  })

  test("are exactly one command each, whatever a server writes", () => {
    const text = "100%: a, b\r::stop-commands::x\n::set-env name=PATH::x\u001b[2J##[error]no"
    expect(annotated(story([0, path, failing(text)]))).toBe(
      "::error title=web1 web deploy failed::::stop-commands::x%0A::set-env name=PATH::x# #[error]no%0A→ Fix it.\n"
    )
    expect(annotated(story([0, "deploy/a:b,c%/step", failing("50%")]))).toBe(
      "::error title=step failed::50%25%0A→ Fix it.\n"
    )
    expect(annotated(story([0, "deploy/servers[a:b,c%]/step", failing("50%")]))).toStartWith(
      "::error title=a%3Ab%2Cc%25 step failed::"
    )
  })
})

describe("output of commands", () => {
  const lines = [
    "::error::no",
    "  ::add-mask::no",
    "##[error]no",
    "a ##[add-mask]no",
    "\r::error::no",
    "##vso[task.x]no"
  ]
  const events = story(
    [0, "deploy", { _tag: "RunStarted", version: 1, name: "deploy" }],
    ...lines.flatMap(
      (line) =>
        [
          [1, path, { _tag: "StepOutput", machine: "web1", stream: "stdout", line }],
          [2, path, { _tag: "StepNoted", level: "warning", text: line }],
          [3, path, failing(line)]
        ] as const
    ),
    [4, "deploy", { _tag: "RunSucceeded", millis: 4 }]
  )

  test("never contains a command for GitHub, as text or as JSON", () => {
    const text = written(({ write }) => plain({ write, columns: 200, colors: false }), events)
    for (const log of [text, written(json, events)]) {
      expect(log.split("\n").filter(isCommand)).toEqual([])
      expect(log).not.toContain("##vso[")
    }
    const commands = annotated(events).trimEnd().split("\n")
    expect(commands).toHaveLength(2 * lines.length)
    for (const line of commands)
      expect(line).toMatch(/^::(error title=web1 web deploy failed|warning title=web1 web deploy)::(?!.*##\[)/)
  })
})

describe("the job summary", () => {
  test("lists each service with its server, outcome and duration", () => {
    expect(markdown(success)).toBe(`### ✅ <code>deploy</code> of <code>shop</code> done in 1 min 5 s

| Service | Server | Version | Digest | Outcome | Time |
| --- | --- | --- | --- | --- | --- |
| <code>web</code> | <code>web1</code> | <code>abc1234</code> | <code>0123456789ab</code> | replaced | 2.8 s |
| <code>cache</code> | <code>web1</code> | <code>7</code> | <code>0123456789ab</code> | unchanged | 2 ms |

`)
  })

  test("lists failures with their remedies", () => {
    const text = markdown(failure)
    expect(text).toStartWith("### ❌ <code>deploy</code> of <code>shop</code> failed after 6.0 s\n")
    expect(text).toContain("| <code>web</code> | <code>web1</code> |  |  | failed | 2.8 s |")
    expect(text).toContain(
      "❌ <code>web2 tunnel</code>\n\n<pre>web2 does not open port 9270 for a reverse forward&#46;\n\n&#8594; Fix it&#46;</pre>"
    )
    expect(markdown(interruption)).toStartWith(
      "### ⚠️ <code>deploy</code> of <code>shop</code> interrupted after 3.0 s\n"
    )
  })

  test("names the environment, and lists steps if the run has no services", () => {
    const run = story(
      [0, "notice", { _tag: "RunStarted", version: 1, name: "notice" }],
      [0, "notice/ask", { _tag: "StepSkipped", kind: "step", millis: 2, reason: "no" }],
      [0, "notice/each[web1]/tell", failing("It broke.")],
      [0, "notice/each[web1]", { _tag: "StepFailed", kind: "item", millis: 1, failures: [] }],
      [9, "notice", { _tag: "RunFailed", millis: 9, failures: [] }]
    )
    expect(summaryMarkdown(run, { project: "shop", environment: "staging" }))
      .toBe(`### ❌ <code>notice</code> of <code>shop</code> to <code>staging</code> failed after 9 ms

| Step | Outcome | Time |
| --- | --- | --- |
| <code>ask</code> | skipped | 2 ms |
| <code>web1 tell</code> | failed | 1 ms |

❌ <code>web1 tell</code>

<pre>It broke&#46;

&#8594; Fix it&#46;</pre>

`)
  })

  test("lists errors outside all runs as plain text", () => {
    expect(endSummary(78, [{ text: "<b>no</b>", remedy: undefined }])).toBe(
      "### ❌ jiji exited with code 78\n\n<pre>&#60;b&#62;no&#60;&#47;b&#62;</pre>\n\n"
    )
    const many = Array.from({ length: 5000 }, () => ({ text: "x&".repeat(10_000), remedy: "&".repeat(10_000) }))
    expect(endSummary(1, many).length).toBeLessThan(1 << 20)
  })

  const deployed = (version: string) => {
    const body: EventBody = {
      _tag: "StepSucceeded",
      kind: "step",
      millis: 1,
      result: { deployed: { service: "web", server: "web1", version, digest: "", outcome: "started", container: "" } }
    }
    const item: EventBody = { _tag: "StepSucceeded", kind: "item", millis: 1 }
    return story([0, path, body], [1, "deploy/servers[web1]/services[web]", item])
  }

  test("escapes all text from servers", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        const own = markdown([...deployed("v"), ...story([0, path, failing("m", "r")])])
        const theirs = markdown([...deployed(text), ...story([0, path, failing(text, text)])])
        // The text must not add any sign that means something to Markdown, HTML or GitHub.
        const signs = (all: string) => all.replaceAll(/&#\d+;/g, "").replaceAll(/[\p{L}\p{N}\s]/gu, "")
        expect(signs(theirs).replaceAll("<></>", "")).toBe(signs(own).replaceAll("<></>", ""))
      })
    )
    const table = markdown(deployed("a|b\n| <script> | `x` @octocat #1 https://example.com"))
    expect(table.split("\n").filter((line) => line.startsWith("|"))).toHaveLength(3)
  })

  test("stays within GitHub's size limit", () => {
    const many = Array.from({ length: 5000 }, (_, index) => [index, path, failing("x&".repeat(10_000))] as const)
    expect(markdown([...manyServers, ...story(...many)]).length).toBeLessThan(1 << 20)
  })

  test("is appended when the run ends or is cut off", async () => {
    const appended: Array<string> = []
    const append = (text: string) => Effect.sync(() => void appended.push(text))
    await Effect.runPromise(jobSummary(append, target)(Stream.concat(Stream.fromIterable(success), Stream.never)))
    await Effect.runPromise(jobSummary(append, target)(Stream.fromIterable(success.slice(0, 3))))
    expect(appended).toEqual([markdown(success), expect.stringContaining("interrupted\n")])
  })
})
