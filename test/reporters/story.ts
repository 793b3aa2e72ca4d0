import type { Event, EventBody } from "../../src/core/Event.ts"

const digest = `sha256:${"0123456789abcdef".repeat(4)}`

const deployed = (service: string, server: string, outcome: string, version = "abc1234") => ({
  deployed: { service, server, version, digest, outcome, container: "c0ffee" }
})

/** Builds the events of one run. Each part is a time in milliseconds, a path and a body. */
export const story = (
  ...parts: ReadonlyArray<readonly [time: number, path: string, body: EventBody]>
): ReadonlyArray<Event> =>
  // A body with these fields is an event, but the compiler cannot see that through the union.
  parts.map(([time, path, body], index) => ({ ...body, seq: index + 1, run: "mf3k2a9c-7q1x", time, path }) as Event)

type Kind = "step" | "item" | "pipeline" | "forEach"
const started = (kind: Kind = "step"): EventBody => ({ _tag: "StepStarted", kind })
const done = (millis: number, result?: unknown, kind: Kind = "step"): EventBody => ({
  _tag: "StepSucceeded",
  kind,
  millis,
  ...(result !== undefined && { result })
})
const skipped = (reason: string, result?: unknown, kind: Kind = "step"): EventBody => ({
  _tag: "StepSkipped",
  kind,
  reason,
  millis: 0,
  ...(result !== undefined && { result })
})
const failed = (millis: number, message: string, kind: Kind = "step"): EventBody => ({
  _tag: "StepFailed",
  kind,
  millis,
  failures: [{ tag: "ContainerUnhealthy", message, remedy: "Fix it." }]
})
const interrupted = (millis: number, kind: Kind = "step"): EventBody => ({ _tag: "StepInterrupted", kind, millis })
const note = (text: string, level: "info" | "warning" = "info"): EventBody => ({ _tag: "StepNoted", level, text })
const output = (line: string, machine = "local"): EventBody => ({ _tag: "StepOutput", machine, stream: "stdout", line })

const images = "deploy/images/services[web]"
const web1 = "deploy/servers[web1]"
const web2 = "deploy/servers[web2]"

const beginning = [
  [0, "deploy", { _tag: "RunStarted", version: 1, name: "deploy" }],
  [1, "deploy/secrets", started()],
  [1, "deploy/secrets", skipped("none is used")],
  [2, "deploy/version", started()],
  [40, "deploy/version", note("abc1234")],
  [41, "deploy/version", done(39)],
  [42, "deploy/images", started("pipeline")],
  [42, images, started("item")],
  [42, `${images}/build`, started()],
  [43, "deploy/connections/servers[web1]/connect", started()],
  [300, "deploy/connections/servers[web1]/connect", note("docker 20.10.24, amd64")],
  [301, "deploy/connections/servers[web1]/connect", done(258)],
  [800, `${images}/build`, output("Step 1/2 : FROM scratch")],
  [1900, `${images}/build`, done(1858)],
  [1901, `${images}/push`, started()],
  [2100, `${images}/push`, { _tag: "StepProgress", label: "new", bytes: 4_200_000, total: 12_300_000 }],
  [2101, `${images}/push`, done(200)],
  [2102, images, done(2060, undefined, "item")]
] as const

/** A successful deploy of two services. */
export const success = story(
  ...beginning,
  [2110, web1, started("item")],
  [2110, `${web1}/tunnel`, started()],
  [2150, `${web1}/tunnel`, { _tag: "ResourceAcquired", resource: "tunnel" }],
  [2151, `${web1}/tunnel`, done(41)],
  [2152, `${web1}/services[web]`, started("item")],
  [2152, `${web1}/services[web]/pull`, started()],
  [3000, `${web1}/services[web]/pull`, output("a1b2c3: Pull complete", "web1")],
  [3500, `${web1}/services[web]/pull`, done(1348)],
  [3501, `${web1}/services[web]/deploy`, started()],
  [5000, `${web1}/services[web]/deploy`, done(1499, deployed("web", "web1", "replaced"))],
  [5001, `${web1}/services[web]`, done(2849, undefined, "item")],
  [5002, `${web1}/services[cache]`, started("item")],
  [5002, `${web1}/services[cache]/pull`, skipped("it runs there already")],
  [
    5003,
    `${web1}/services[cache]/deploy`,
    skipped("it runs there already", deployed("cache", "web1", "unchanged", "7"))
  ],
  [5004, `${web1}/services[cache]`, done(2, undefined, "item")],
  [5005, web1, done(2895, undefined, "item")],
  [65_006, "deploy", { _tag: "RunSucceeded", millis: 65_006 }]
)

/** A deploy that fails on two servers and does not start on a third. */
export const failure = story(
  ...beginning,
  [2110, web1, started("item")],
  [2152, `${web1}/services[web]`, started("item")],
  [2152, `${web1}/services[web]/pull`, done(1348)],
  [3501, `${web1}/services[web]/deploy`, started()],
  [
    5000,
    `${web1}/services[web]/deploy`,
    failed(
      1499,
      "The new container of web on web1 is unhealthy; the old one, if any, keeps running. Last log lines:\nno database"
    )
  ],
  [5001, `${web1}/services[web]`, failed(2849, "The new container of web on web1 is unhealthy.", "item")],
  [5002, web1, failed(2892, "The new container of web on web1 is unhealthy.", "item")],
  [5003, web2, started("item")],
  [5003, `${web2}/tunnel`, started()],
  [6000, `${web2}/tunnel`, failed(997, "web2 does not open port 9270 for a reverse forward.")],
  [6001, `${web2}/tunnel`, { _tag: "ResourceReleased", resource: "tunnel", clean: false }],
  [6002, web2, failed(999, "web2 does not open port 9270 for a reverse forward.", "item")],
  [6003, "deploy/servers[web3]", skipped("not started because web1 failed", undefined, "item")],
  [6004, "deploy", { _tag: "RunFailed", millis: 6004, failures: [] }]
)

/** A deploy that is interrupted during a pull. */
export const interruption = story(
  ...beginning,
  [2110, web1, started("item")],
  [2152, `${web1}/services[web]`, started("item")],
  [2152, `${web1}/services[web]/pull`, started()],
  [3000, `${web1}/services[web]/pull`, interrupted(848)],
  [3001, `${web1}/services[web]`, interrupted(849, "item")],
  [3002, web1, interrupted(892, "item")],
  [3003, "deploy", { _tag: "RunInterrupted", millis: 3003 }]
)

/** Output with control characters, wide characters and long lines. */
export const noise = story(
  [0, "deploy", { _tag: "RunStarted", version: 1, name: "deploy" }],
  [1, `${images}/build`, started()],
  ...[
    "\u001b[31mred\u001b[0m and \u001b[1;4mbold\u001b[m",
    "\u001b[2J\u001b[Hcleared",
    "10%\r50%\r100%",
    "a Windows line\r",
    "\u001b]0;title\u0007after a title",
    "bell\u0007 back\b space nul\u0000 del\u007f c1\u009b31m",
    "tab\there",
    "日本語の長い行はこのように続いていくので切られるはずです",
    "right\u202eto left\u202c",
    "x".repeat(300),
    ""
  ].map((line, index) => [100 + index, `${images}/build`, output(line)] as const),
  [200, `${images}/build`, done(199)],
  [201, "deploy", { _tag: "RunSucceeded", millis: 201 }]
)

const pulls = Array.from({ length: 100 }, (_, index) => `deploy/servers[web${index + 1}]/services[web]/pull`)

/** A deploy to a hundred servers in parallel. */
export const manyServers = story(
  [0, "deploy", { _tag: "RunStarted", version: 1, name: "deploy" }],
  ...pulls.map((path) => [1, path, started()] as const),
  ...pulls.map((path, index) => [1000 + 10 * index, path, output("Pull complete", "web")] as const),
  ...pulls.map((path, index) => [3000 + 50 * index, path, done(3000 + 50 * index)] as const),
  [9000, "deploy", { _tag: "RunSucceeded", millis: 9000 }]
)
