import { describe, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { compileFirst } from "../cli/project.ts"
import { queueReasons } from "../../src/serve/queueReasons.ts"
import type { StoredRun } from "../../src/serve/RunStore.ts"
import { until } from "../support/waiting.ts"
import { makeServer, start, untilStatus } from "./server.ts"

compileFirst()

const stored = (number: number, more: Partial<StoredRun> = {}): StoredRun => ({
  number,
  project: "shop",
  words: ["deploy"],
  who: "ci",
  cause: "api",
  busy_key: "shop",
  status: "queued",
  reason: null,
  exit_code: null,
  attempt: 0,
  is_cancelled: 0,
  process_run: null,
  owner: null,
  created: 0,
  started: null,
  ended: null,
  position: 0,
  priority: 0,
  time_limit: null,
  spent: 0,
  retries: 0,
  retry_delay: 0,
  retried: 0,
  crashes: 0,
  steps_done: 0,
  waits: null,
  wake: null,
  has_waited: 0,
  is_suspended: 0,
  overtaken_by: null,
  queued: null,
  ...more
})

describe("why a run does not run", () => {
  const reasons = (...args: Parameters<typeof queueReasons>) =>
    queueReasons(...args).map(
      ({ after, run, why }) => `${run.number} ${why}${after === undefined ? "" : ` (${after})`}`
    )
  const approved = [{ path: "release/approved", signal: "approved", until: 86_400_000 }]

  test("names the run that is in its way: one that runs or waits, or one before it in the queue", () => {
    const running = [stored(1, { project: "docs", busy_key: "docs" })]
    const waiting = [
      stored(2, { waits: approved }),
      stored(3, { busy_key: "x", retries: 2, waits: [{ retry: 1, until: 0 }] })
    ]
    const queued = [
      stored(9, { priority: 5 }),
      stored(4),
      stored(5),
      stored(6, { busy_key: "docs" }),
      stored(7, { busy_key: "other" })
    ]
    expect(reasons({ queued, running, waiting }, 2)).toEqual([
      "9 starts now",
      "4 waits for run 9 of shop (9)",
      "5 waits for run 4 of shop (4)",
      "6 waits for run 1 of docs (1)",
      "7 starts now",
      "2 waits for the signal approved until 1970-01-02T00:00:00.000Z",
      "3 waits for retry 1 of 2 at 1970-01-01T00:00:00.000Z"
    ])
    expect(reasons({ queued: [stored(4)], running, waiting }, 1)[0]).toBe(
      "4 waits for run 2 of shop, which waits for the signal approved until 1970-01-02T00:00:00.000Z (2)"
    )
    expect(reasons({ queued: [stored(7, { busy_key: "other" })], running, waiting: [] }, 1)).toEqual([
      "7 waits until another run ends: 1 of 1 are running"
    ])
  })

  test("is in the API, and the counts of runs are there for Prometheus", async () => {
    using folder = makeServer()
    const token = folder.token("ci", "run")
    const look = folder.token("guest", "look")
    const server = await folder.serve()
    const run = { project: "shop", command: ["run", "gate"] }
    const first = await start(server, token, run)
    const second = await start(server, token, run)
    await until(() => existsSync(join(folder.projects, "shop/log")))
    expect((await server.request(look, "/api/queue")).body).toEqual([
      { run: expect.objectContaining({ id: second }), why: `waits for run ${first} of shop`, after: first }
    ])
    const metrics = async (by: string) => {
      const response = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${by}` } })
      return { status: response.status, type: response.headers.get("content-type"), text: await response.text() }
    }
    expect((await metrics("")).status).toBe(401)
    const before = await metrics(look)
    expect([before.status, before.type]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"])
    expect(before.text).toContain('jiji_runs{status="queued"} 1\njiji_runs{status="running"} 1\n')
    folder.write("shop/go", "")
    for (const id of [first, second]) await untilStatus(server, token, id, "succeeded")
    const { text } = await metrics(look)
    expect(text).toContain('jiji_runs_ended_total{status="succeeded"} 2\n')
    expect(text).toContain("jiji_queue_seconds_count 2\n")
    expect(text).toMatch(/jiji_queue_seconds_bucket\{le="\+Inf"\} 2\n/)
  }, 60_000)
})
