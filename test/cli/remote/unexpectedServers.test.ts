import { describe, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Event } from "../../../src/core/Event.ts"
import { emulator } from "../../reporters/emulator.ts"
import { program, shortRun } from "../../support/program.ts"
import { until } from "../../support/waiting.ts"
import { compileFirst } from "../project.ts"

compileFirst()

const stamp = { run: "mf3k2a9c-7q1x", time: 1_790_000_000_000, path: "gate" }
const events: ReadonlyArray<Event> = [
  { ...stamp, _tag: "RunStarted", seq: 1, version: 1, name: "gate" },
  { ...stamp, _tag: "StepStarted", seq: 2, path: "gate/wait", kind: "step" },
  { ...stamp, _tag: "StepSucceeded", seq: 3, path: "gate/wait", kind: "step", millis: 5 },
  { ...stamp, _tag: "RunSucceeded", seq: 4, millis: 5 }
]
const begun = {
  id: 12,
  project: "shop",
  command: ["run", "gate"],
  status: "running",
  by: "ci",
  cause: "api",
  attempt: 1,
  priority: 0,
  created: stamp.time
}
const run = { ...begun, status: "succeeded", ended: stamp.time + 5 }
const frame = (event: object, id: number) => `id: ${id}\nevent: event\ndata: ${JSON.stringify(event)}\n\n`
const frames = (all: ReadonlyArray<object>) => all.map((event, index) => frame(event, index + 1)).join("")
const stream = (body: ConstructorParameters<typeof Response>[0]) =>
  new Response(body, { headers: { "content-type": "text/event-stream" } })

interface Parts {
  readonly info?: (asked: number) => object
  readonly events?: (request: Request, asked: number) => Response
  readonly tls?: { readonly cert: string; readonly key: string }
}

/** What answers in place of a \`jiji serve\`, and `jiji run gate` on it. */
const fake = ({ events: stream = () => new Response(), info = () => run, tls }: Parts, any?: () => Response) => {
  const home = mkdtempSync(join(tmpdir(), "jiji-remote-"))
  const asked = { info: 0, events: 0, all: [] as Array<{ readonly url: string; readonly token: string | null }> }
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    ...(tls !== undefined && { tls }),
    fetch: (request) => {
      asked.all.push({ url: request.url, token: request.headers.get("authorization") })
      const { pathname } = new URL(request.url)
      if (any !== undefined) return any()
      if (pathname.endsWith("/api/runs")) return Response.json({ ...begun, status: "queued" }, { status: 202 })
      if (pathname.endsWith("/events")) return stream(request, ++asked.events)
      return Response.json(info(++asked.info))
    }
  })
  const url = `${tls === undefined ? "http" : "https"}://127.0.0.1:${server.port}`
  return {
    asked,
    url,
    jiji: async (env: Readonly<Record<string, string>> = {}, path = "", flags: ReadonlyArray<string> = []) => {
      const words = ["--remote", `${url}${path}`, "--project", "shop", ...flags, "run", "gate"]
      const child = Bun.spawn([program, ...words], {
        cwd: home,
        env: { PATH: "/usr/bin:/bin", HOME: home, JIJI_TOKEN: "jiji_secret", ...shortRun, ...env },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe"
      })
      const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
      return { code, stdout, stderr }
    },
    [Symbol.dispose]: () => {
      void server.stop(true)
      rmSync(home, { recursive: true })
    }
  }
}

describe("what answers jiji --remote", () => {
  test("may lose the connection: jiji goes on after the last event, and prints each once", async () => {
    const after: Array<string | null> = []
    using server = fake({
      info: (asked) => (asked < 2 ? begun : run),
      events: (request, asked) => {
        after.push(request.headers.get("last-event-id"))
        // Cut off in the middle of a frame, then with a proxy's error, and at last the rest.
        if (asked === 1) return stream(frames(events.slice(0, 2)) + "id: 3\ndata: {")
        if (asked === 2) return new Response("bad gateway", { status: 502 })
        return stream(asked === 3 ? frames(events).split("\n\n").slice(1).join("\n\n") : "")
      }
    })
    const { code, stderr, stdout } = await server.jiji()
    expect([code, stderr]).toEqual([0, `run 12 of shop at ${server.url}\n`])
    expect(stdout.match(/wait: done/g)).toHaveLength(1)
    expect(after.slice(0, 3)).toEqual([null, "2", "2"])
    expect(after.at(-1)).toBe("4")
  })

  test("can send no control characters to the terminal", async () => {
    const escape = "\u001b]0;owned\u0007\u001b[2J"
    const hostile = events.map((event) => ({
      ...event,
      run: `x${escape}`,
      path: event.path.replace("wait", `wa${escape}it`),
      ...(event._tag === "RunStarted" && { name: `gate${escape}` })
    }))
    const note = {
      ...stamp,
      _tag: "StepNoted",
      seq: 3,
      level: "info",
      text: `so\n::error::x${escape}`,
      path: "gate/wait"
    }
    using server = fake({
      info: () => ({ ...run, status: "failed", exitCode: 3, reason: `error: it${escape} broke\n::stop-commands::x` }),
      events: (_, asked) =>
        stream(asked === 1 ? frames([hostile[0] ?? {}, hostile[1] ?? {}, note, ...hostile.slice(2)]) : "")
    })
    const { code, stderr, stdout } = await server.jiji()
    // oxlint-disable-next-line no-control-regex -- what a terminal obeys is what is looked for
    expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
    expect(stdout).toMatch(/gate, run x\n/)
    expect(stdout).not.toMatch(/^::/m)
    expect([code, stderr]).toEqual([3, `run 12 of shop at ${server.url}\nerror: it broke\n  | ::stop-commands::x\n`])
  })

  test("may be newer: events that this jiji does not know are left out", async () => {
    using server = fake({
      events: (_, asked) => stream(asked === 1 ? frames([events[0] ?? {}, { _tag: "New" }, ...events.slice(1)]) : "")
    })
    const { code, stderr, stdout } = await server.jiji()
    expect([code, stdout]).toEqual([0, expect.stringMatching(/wait: done.* done\n$/s)])
    expect(stderr).toContain(`warning: jiji on ${server.url} is newer, and this one does not know all of its events\n`)
  })

  test("is not followed to another address", async () => {
    using other = fake({})
    using server = fake({}, () => Response.redirect(`${other.url}/api/runs`, 307))
    expect(await server.jiji()).toMatchObject({
      code: 69,
      stderr: expect.stringContaining(
        `${server.url} redirects to ${other.url}/api/runs, and jiji does not send the token there.`
      )
    })
    expect(other.asked.all).toEqual([])
  })

  test("must be a jiji serve", async () => {
    for (const [answer, detail] of [
      [() => new Response("<html>", { headers: { "content-type": "text/html" } }), "its answer has another form"],
      [() => new Response("not here", { status: 404 }), "it answers with status 404"],
      [() => Response.json({ id: "twelve" }, { status: 202 }), "its answer has another form"]
    ] as const) {
      using server = fake({}, answer)
      expect(await server.jiji()).toMatchObject({
        code: 69,
        stderr: expect.stringContaining(`${server.url} does not answer as jiji serve does: ${detail}.`)
      })
    }
  })

  test("may be slow: a run that was started when jiji is interrupted is cancelled", async () => {
    const answer = Promise.withResolvers<Response>()
    const asked: Array<string> = []
    let isCancelled = false
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: ({ url }) => {
        const { pathname } = new URL(url)
        asked.push(pathname)
        if (pathname === "/api/runs") return answer.promise
        if (pathname.endsWith("/cancel")) isCancelled = true
        if (pathname.endsWith("/events")) return stream("")
        const answered = isCancelled ? { ...run, status: "cancelled", reason: "run 13 has taken its place" } : begun
        return Response.json(answered, { status: pathname.endsWith("/cancel") ? 202 : 200 })
      }
    })
    const child = Bun.spawn([program, "--remote", server.url.href, "--project", "shop", "run", "gate"], {
      env: { PATH: "/usr/bin:/bin", HOME: tmpdir(), JIJI_TOKEN: "jiji_secret", ...shortRun },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe"
    })
    await until(() => asked.length === 1)
    child.kill("SIGINT")
    // The signal has arrived when the process has nothing pending of it.
    await until(() => /^SigPnd:\t0+\nShdPnd:\t0+$/m.test(readFileSync(`/proc/${child.pid}/status`, "utf8")))
    answer.resolve(Response.json({ ...begun, status: "queued" }, { status: 202 }))
    expect(await child.exited).toBe(130)
    expect(await child.stderr.text()).toContain("interrupted: cancelling run 12")
    expect(asked).toContain("/api/runs/12/cancel")
    await server.stop(true)
  })

  test("may have a clock that is wrong: live progress counts from now", async () => {
    const hour = 3_600_000
    const past = Date.now() - hour
    const screen = emulator(80, 24)
    const decoder = new TextDecoder()
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: ({ url }) => {
        const headers = { date: new Date(past).toUTCString(), "content-type": "text/event-stream" }
        const { pathname } = new URL(url)
        if (!pathname.endsWith("/events"))
          return Response.json({ ...begun, status: "queued" }, { status: 202, headers })
        const first = frames(events.slice(0, 2).map((event) => ({ ...event, time: past })))
        return new Response(new ReadableStream({ start: (controller) => controller.enqueue(first) }), { headers })
      }
    })
    const child = Bun.spawn([program, "--remote", server.url.href, "--project", "shop", "run", "gate"], {
      env: { PATH: "/usr/bin:/bin", HOME: tmpdir(), JIJI_TOKEN: "jiji_secret", TERM: "xterm-256color" },
      terminal: { cols: 80, rows: 24, data: (_, bytes) => screen.write(decoder.decode(bytes, { stream: true })) }
    })
    const shown = await until(screen.now, (text) => /^· wait +\d/m.test(text))
    child.kill("SIGKILL")
    await child.exited
    expect(shown).toMatch(/^· wait +[\d.]+ m?s$/m)
    await server.stop(true)
  })

  test("may take signals", async () => {
    const answers = [
      () => Response.json(run, { status: 202 }),
      () => Response.json({ _tag: "Conflict", message: "The run 12 has ended." }, { status: 409 })
    ]
    const sent: Array<unknown> = []
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request) => {
        sent.push([new URL(request.url).pathname, await request.json()])
        return answers[sent.length - 1]?.() ?? new Response()
      }
    })
    const signal = async (...words: ReadonlyArray<string>) => {
      const child = Bun.spawn([program, "--remote", server.url.href, "signal", ...words], {
        env: { PATH: "/usr/bin:/bin", HOME: tmpdir(), JIJI_TOKEN: "jiji_secret", ...shortRun },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe"
      })
      return [await child.exited, await child.stdout.text(), await child.stderr.text()]
    }
    expect(await signal("12", "approved/x", '{"tag":"v1"}')).toEqual([0, "Sent approved/x to run 12.\n", ""])
    expect(await signal("12", "approved")).toEqual([2, "", expect.stringContaining("The run 12 has ended.")])
    expect(await signal("12", "approved", "--by", "ann")).toEqual([
      2,
      "",
      expect.stringContaining("--remote and --by cannot be used together.")
    ])
    expect(sent).toEqual([
      ["/api/runs/12/signals/approved%2Fx", { tag: "v1" }],
      ["/api/runs/12/signals/approved", true]
    ])
    await server.stop(true)
  })

  test("may be below a path", async () => {
    using server = fake({ events: (_, asked) => stream(asked === 1 ? frames(events) : "") })
    expect((await server.jiji({}, "/tools/jiji/")).code).toBe(0)
    expect(new URL(server.asked.all[0]?.url ?? "").pathname).toBe("/tools/jiji/api/runs")
    expect(server.asked.all[0]?.token).toBe("Bearer jiji_secret")
  })

  test("needs a certificate that jiji trusts", async () => {
    const folder = mkdtempSync(join(tmpdir(), "jiji-certificate-"))
    try {
      const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")]
      const words = `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1 -keyout ${key} -out ${cert}`
      expect(Bun.spawnSync(["openssl", ...words.split(" ")]).exitCode).toBe(0)
      using server = fake({
        tls: { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") },
        events: (_, asked) => stream(asked === 1 ? frames(events) : "")
      })
      expect(await server.jiji()).toMatchObject({
        code: 69,
        stderr: expect.stringContaining(`jiji does not trust the certificate of ${server.url}: it is signed by itself.`)
      })
      expect(server.asked.all).toEqual([])
      expect((await server.jiji({ NODE_EXTRA_CA_CERTS: cert })).code).toBe(0)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test("is asked directly if it is on this machine: the proxy of the environment gets no token", async () => {
    using proxy = fake({})
    using server = fake({ events: (_, asked) => stream(asked === 1 ? frames(events) : "") })
    expect((await server.jiji({ http_proxy: proxy.url, HTTP_PROXY: proxy.url })).code).toBe(0)
    expect(proxy.asked.all).toEqual([])
  })

  test("never gets a token without encryption, or in the address", async () => {
    using server = fake({})
    const { port } = new URL(server.url)
    const home = tmpdir()
    for (const [url, text] of [
      [`http://jiji.invalid:${port}`, "http:// has no encryption"],
      [`http://127.0.0.1.jiji.invalid:${port}`, "http:// has no encryption"],
      [`http://ann:secret@127.0.0.1:${port}`, "must not have a password in it"],
      [`http://127.0.0.1:${port}/?token=x`, "must not have a part after ? or #"],
      [`ftp://127.0.0.1:${port}`, "must begin with https://"],
      ["127.0.0.1", "is not a URL"]
    ] as const) {
      const { exitCode, stderr } = Bun.spawnSync([program, "--remote", url, "runs"], {
        env: { PATH: "/usr/bin:/bin", HOME: home, JIJI_TOKEN: "jiji_secret", ...shortRun },
        stdin: "ignore"
      })
      expect([url, exitCode, stderr.toString()]).toEqual([url, 2, expect.stringContaining(text)])
      expect(stderr.toString()).not.toContain("secret")
    }
    expect(server.asked.all).toEqual([])
  })
})
