import type { Event, EventBody, NodeKind } from "../../src/core/Event.ts"

/** Output of a malicious server that tries to inject code into a page or a terminal. */
export const malicious = `</script><img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`

const digest = `sha256:${"0123456789abcdef".repeat(4)}`

/** Builds a run's events one by one. */
const eventBuilder = (run: string, began: number) => {
  const events: Array<Event> = []
  const say = (at: number, path: string, body: EventBody) =>
    // A body with these fields is an event, but the compiler cannot see that through the union.
    void events.push({ ...body, seq: events.length + 1, run, time: began + at, path } as Event)
  return {
    events,
    say,
    start: (at: number, path: string, kind: NodeKind = "step") => say(at, path, { _tag: "StepStarted", kind }),
    done: (at: number, path: string, kind: NodeKind = "step") =>
      say(at, path, { _tag: "StepSucceeded", kind, millis: 0 }),
    note: (at: number, path: string, text: string, level: "info" | "warning" = "info") =>
      say(at, path, { _tag: "StepNoted", level, text }),
    line: (at: number, path: string, machine: string, line: string, stream: "stdout" | "stderr" = "stdout") =>
      say(at, path, { _tag: "StepOutput", machine, stream, line })
  }
}

const failures = [
  {
    tag: "ContainerUnhealthy",
    message: "shop-web did not become healthy on web2 within 60 s; the old container still runs.",
    remedy: "Read its last lines above, and deploy again."
  }
]

/** A deploy to two servers that fails on the second one. `lines` is the number of lines that the build writes. */
export const failedDeploy = (
  options: { readonly run?: string; readonly began?: number; readonly lines?: number } = {}
): ReadonlyArray<Event> => {
  const { began = 1_795_400_000_000, lines = 12, run = "mf3k2a9c-7q1x" } = options
  const { done, events, line, note, say, start } = eventBuilder(run, began)
  say(0, "deploy", { _tag: "RunStarted", version: 1, name: "deploy" })
  start(4, "deploy/secrets")
  note(9, "deploy/secrets", "DATABASE_URL from .env")
  done(10, "deploy/secrets")
  start(12, "deploy/login")
  say(13, "deploy/login", { _tag: "StepSkipped", kind: "step", reason: "the registry is local", millis: 1 })
  const images = "deploy/images/services"
  start(15, "deploy/images", "pipeline")
  start(15, images, "forEach")
  start(16, `${images}[web]`, "item")
  start(16, `${images}[web]/build`)
  start(17, "deploy/connections", "pipeline")
  start(17, "deploy/connections/servers", "forEach")
  for (const [server, took] of [
    ["web1", 420],
    ["web2", 1310]
  ] as const) {
    const item = `deploy/connections/servers[${server}]`
    start(18, item, "item")
    start(18, `${item}/connect`)
    note(18 + took, `${item}/connect`, "docker 20.10.24, amd64")
    done(19 + took, `${item}/connect`)
    done(20 + took, item, "item")
  }
  done(1335, "deploy/connections/servers", "forEach")
  done(1336, "deploy/connections", "pipeline")
  for (let n = 1; n <= lines; n++) {
    const at = 20 + Math.floor((n / lines) * 3600)
    line(
      at,
      `${images}[web]/build`,
      "local",
      `#${n} [build ${n}/${lines}] RUN make part-${n}`,
      n % 5 === 0 ? "stderr" : "stdout"
    )
  }
  line(3630, `${images}[web]/build`, "local", malicious)
  done(3650, `${images}[web]/build`)
  start(3651, `${images}[web]/push`)
  note(4480, `${images}[web]/push`, "4.2 MB of 31 MB new")
  done(4500, `${images}[web]/push`)
  done(4501, `${images}[web]`, "item")
  done(4502, images, "forEach")
  done(4503, "deploy/images", "pipeline")
  start(4505, "deploy/servers", "forEach")
  for (const [server, slower] of [
    ["web1", 0],
    ["web2", 350]
  ] as const) {
    const item = `deploy/servers[${server}]`
    const service = `${item}/services[web]`
    start(4506, item, "item")
    start(4506, `${item}/tunnel`)
    say(4540, `${item}/tunnel`, { _tag: "ResourceAcquired", resource: "tunnel" })
    note(4541, `${item}/tunnel`, "127.0.0.1:9270 leads here")
    done(4550, `${item}/tunnel`)
    start(4551, `${item}/services`, "forEach")
    start(4551, service, "item")
    start(4551, `${service}/pull`)
    line(4800, `${service}/pull`, server, "a1b2c3d4e5f6: Pulling fs layer")
    if (server === "web2") {
      const reset = [{ tag: "PullFailed", message: "The connection to the registry was reset.", remedy: "Try again." }]
      say(5100, `${service}/pull`, { _tag: "StepRetried", attempt: 1, millis: 500, failures: reset })
    }
    line(5600 + slower, `${service}/pull`, server, "a1b2c3d4e5f6: Pull complete")
    done(6100 + slower, `${service}/pull`)
    start(6101 + slower, `${service}/deploy`)
  }
  const first = "deploy/servers[web1]/services[web]"
  say(8200, `${first}/deploy`, {
    _tag: "StepSucceeded",
    kind: "step",
    millis: 2099,
    result: {
      deployed: { service: "web", server: "web1", version: "abc1234", digest, outcome: "replaced", container: "c0" }
    }
  })
  done(8201, first, "item")
  done(8202, "deploy/servers[web1]/services", "forEach")
  done(8203, "deploy/servers[web1]", "item")
  const second = "deploy/servers[web2]/services[web]"
  note(9000, `${second}/deploy`, "the old container is kept", "warning")
  for (const text of ["listening on :80", "GET /health 500", "panic: no database", "exit status 2"]) {
    line(11_900, `${second}/deploy`, "web2", text, "stderr")
  }
  const fail = (at: number, path: string, kind: NodeKind) =>
    say(at, path, { _tag: "StepFailed", kind, millis: 0, failures })
  fail(12_300, `${second}/deploy`, "step")
  fail(12_301, second, "item")
  fail(12_302, "deploy/servers[web2]/services", "forEach")
  say(12_310, "deploy/servers[web2]/tunnel", { _tag: "ResourceReleased", resource: "tunnel", clean: true })
  fail(12_311, "deploy/servers[web2]", "item")
  fail(12_312, "deploy/servers", "forEach")
  say(12_320, "deploy", { _tag: "RunFailed", millis: 12_320, failures })
  return events
}
