import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { Database } from "bun:sqlite"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { type Browser, chromium, type Page } from "playwright-core"
import { compileFirst } from "../cli/project.ts"
import { malicious } from "../record/story.ts"
import { contrast } from "./contrast.ts"
import { dotEnv, sendPush } from "../serve/deliveries.ts"
import { makeServer, property, type Server, start, untilStatus } from "../serve/server.ts"

setDefaultTimeout(120_000)
compileFirst()

const pictures = join(import.meta.dir, "../../dist/pages")
let browser: Browser

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true })
  // Chromium's sandbox does not work as root.
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
})
afterAll(() => browser.close())

/** A folder, and so a project, with a name that is markup. */
const evil = `<img src=x onerror="document.title='owned'">`

/** A pipeline whose description, notes, failure and field are markup. */
const hostile = `import { Effect, Schema } from "effect"
import { Pipeline, Runnable, Step } from "jiji"
const text = ${JSON.stringify(malicious)}
export default Runnable.make({
  description: text,
  flags: Schema.Struct({ name: Schema.String.annotate({ description: text }) }),
  pipeline: Pipeline.make<{ name: string }>("hostile").pipe(
    Pipeline.step(Step.make("say", () => Effect.gen(function* () {
      yield* Effect.logInfo(text)
      yield* Effect.logWarning(text)
      return yield* Effect.fail(new Error(text))
    })))
  )
})
`

/** Runs a step for each of 2,500 items: 10,000 events. */
const large = `import { Effect } from "effect"
import { Pipeline, Step, Strategy } from "jiji"
export default Pipeline.make("large").pipe(
  Pipeline.forEach({
    name: "items", as: "item", items: () => Array.from({ length: 2500 }, (_, index) => String(index)),
    key: (item: string) => item, strategy: Strategy.parallel({ concurrency: 50 }),
    body: Pipeline.make<{ item: string }>("each").pipe(Pipeline.step(Step.make("work", () => Effect.void)))
  })
)
`

/** Writes 10,000 lines. */
const wordy = `import { Effect } from "effect"
import { Pipeline, Step } from "jiji"
export default Pipeline.make("wordy").pipe(
  Pipeline.step(Step.make("talk", () => Effect.forEach(Array.from({ length: 10_000 }), (_, index) => Effect.logInfo("line " + index), { discard: true })))
)
`

/** Opens the page. Any request to another place, console message or error is recorded as wrong. */
const open = async (
  url: string,
  options: { readonly width?: number; readonly scheme?: "light" | "dark"; readonly token?: string } = {}
) => {
  const { scheme = "light", token, width = 1280 } = options
  const context = await browser.newContext({
    viewport: { width, height: width < 500 ? 700 : 900 },
    colorScheme: scheme,
    reducedMotion: "reduce"
  })
  const page = await context.newPage()
  const wrong: Array<string> = []
  // Chromium wishes for a field with a user's name in every form with a password.
  page.on("console", (message) => {
    if (!message.text().startsWith("[DOM] Password forms")) wrong.push(`console: ${message.text()}`)
  })
  page.on("pageerror", (error) => void wrong.push(`error: ${error.message}`))
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) wrong.push(`request: ${request.url()}`)
  })
  await page.goto(url)
  if (token !== undefined) {
    await page.locator("#token").fill(token)
    await page.locator("#token").press("Enter")
    await page.getByRole("heading", { name: "History" }).waitFor()
  }
  return Object.assign(page, { wrong, [Symbol.asyncDispose]: () => context.close() })
}

/** Presses Tab until something with this text has the focus. */
const tabTo = async (page: Page, text: string): Promise<void> => {
  for (let count = 0; count < 60; count++) {
    await page.keyboard.press("Tab")
    if ((await page.evaluate<string>(`document.activeElement.textContent`)).startsWith(text)) return
  }
  throw new Error(`Tab does not reach ${text}`)
}

/** Whether something shows where the focus is. */
const hasVisibleFocus = (page: Page) =>
  page.evaluate<boolean>(`(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement)
    const after = getComputedStyle(document.activeElement, "::after")
    return [outlineStyle + outlineWidth, after.outlineStyle + after.outlineWidth].includes("solid2px")
  })()`)

const pill = (page: Page) => page.locator("h1 .pill")
const row = (page: Page, path: string) => page.locator(`details[data-path="${path}"]`)

const show = async (page: Page, url: string, run: number, status: string) => {
  await page.goto(`${url}/#/runs/${run}`)
  await pill(page).getByText(status, { exact: true }).waitFor()
}

/** Starts a run that waits for the file \`go\`. */
const startGate = async (server: Server, token: string): Promise<number> => {
  const id = await start(server, token, { project: "shop", pipeline: "gate" })
  await untilStatus(server, token, id, "running")
  return id
}

test("signs in, starts a pipeline from its form, and watches it end, all by keyboard", async () => {
  using folder = makeServer()
  const token = folder.token("ann", "run")
  const server = await folder.serve()
  await using page = await open(server.url)
  // The field has the focus.
  await page.locator("#token:focus").waitFor()
  await page.keyboard.type("wrong")
  await page.keyboard.press("Enter")
  await page.getByText("This token is wrong, expired or revoked.").waitFor()
  await page.keyboard.type(token)
  await page.keyboard.press("Enter")
  await page.getByText("Nothing is running or queued.").waitFor()
  await tabTo(page, "shop")
  expect(await hasVisibleFocus(page)).toBe(true)
  await page.keyboard.press("Enter")
  await page.locator("a.card", { hasText: "Say hello" }).waitFor()
  await tabTo(page, "hello")
  await page.keyboard.press("Enter")
  // The form has the pipeline's fields, and the first one has the focus.
  await page.locator(":focus").and(page.getByLabel("name (required)")).waitFor()
  await page.keyboard.type("-x y")
  await page.keyboard.press("Tab")
  await page.keyboard.type("0")
  await page.keyboard.press("Enter")
  await page.getByText('Expected a value greater than 0\n at ["times"]').waitFor()
  await page.getByLabel("times").fill("2")
  await page.getByLabel("loud").selectOption("no")
  expect(await page.locator(".preview code").textContent()).toBe("run hello '--name=-x y' --times=2 --no-loud")
  await tabTo(page, "Start")
  expect(await hasVisibleFocus(page)).toBe(true)
  await page.keyboard.press("Enter")
  await page.waitForURL(`${server.url}/#/runs/1`)
  await pill(page).getByText("done").waitFor()
  expect(await page.title()).toBe("run hello '--name=-x y' --times=2 --no-loud: done · jiji")
  await row(page, "hello/greet").getByText('{"name":"-x y","times":2,"loud":false}').waitFor()
  await page.locator("#tab-Timeline").focus()
  await page.keyboard.press("ArrowRight")
  expect(await page.locator(".lines p").allTextContents()).toEqual([
    "▸ greet ",
    '· greet {"name":"-x y","times":2,"loud":false}',
    expect.stringMatching(/^✓ greet \d/)
  ])
  // The browser itself reports the wrong token.
  expect(page.wrong).toEqual([expect.stringContaining("status of 401"), expect.stringContaining("status of 422")])
})

test("shows runs while they run, and cancels one, which undoes its steps", async () => {
  using folder = makeServer()
  const token = folder.token("ann", "run")
  const server = await folder.serve()
  await using page = await open(server.url, { token })
  const now = page.locator(".active .run")
  // Nobody opened anything: they come by themselves.
  const first = await startGate(server, token)
  const second = await start(server, token, { project: "shop", command: ["deploy", "--version", "v1"] })
  await now.nth(1).waitFor()
  expect(await now.locator(".title").allTextContents()).toEqual(["run gate", "deploy --version v1"])
  expect(await now.locator(".pill").allTextContents()).toEqual(["running", "queued"])
  await now.getByText("run gate").click()
  await row(page, "gate/prepare").and(page.locator(".succeeded")).waitFor()
  await row(page, "gate/wait").and(page.locator(".open")).waitFor()
  await page.getByRole("button", { name: "Cancel" }).click()
  await page.getByRole("dialog").getByRole("button", { name: "Back" }).click()
  await page.getByRole("button", { name: "Cancel" }).click()
  await page.getByRole("dialog").getByRole("button", { name: "Cancel the run" }).click()
  await pill(page).getByText("cancelled").waitFor()
  await row(page, "gate/wait").and(page.locator(".interrupted")).waitFor()
  await row(page, "gate/prepare/undo").and(page.locator(".succeeded")).waitFor()
  expect(await page.getByRole("button", { name: "Cancel" }).count()).toBe(0)
  // Its server does not answer.
  await show(page, server.url, second, "failed")
  await page.locator("header .failure", { hasText: "web1" }).waitFor()
  // Run it again.
  folder.write("shop/go", "")
  await show(page, server.url, first, "cancelled")
  await page.getByRole("button", { name: "Run again" }).click()
  await page.getByRole("dialog").getByRole("button", { name: "Start" }).click()
  await page.waitForURL(`${server.url}/#/runs/3`)
  await pill(page).getByText("done").waitFor()
  expect(page.wrong).toEqual([])
})

test("lists older runs on demand, without gaps", async () => {
  using folder = makeServer({ "blog/.jiji/deploy.yml": "project: blog\n" })
  const token = folder.token("ann", "run")
  const server = await folder.serve()
  {
    using db = new Database(join(folder.root, ".local/state/jiji/serve.sqlite"))
    const insert = db.query(`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 180)
      INSERT INTO runs (project, words, who, cause, busy_key, status, created, started, ended)
      SELECT iif(n % 10 = 0, 'blog', 'shop'), '["deploy","--version","v' || n || '"]', 'ann', 'api', 'x', 'succeeded',
        $now, $now, $now + 1 FROM numbers`)
    insert.run({ $now: Date.now() })
  }
  await using page = await open(server.url, { token })
  const shown = async () => (await page.locator(".runs .id").allTextContents()).map((id) => Number(id.slice(1)))
  const numbers = (from: number, to: number, step = 1) =>
    Array.from({ length: (from - to) / step + 1 }, (_, index) => from - index * step)
  const older = page.getByRole("button", { name: "Show older runs" })
  await page.locator(".runs .run").nth(49).waitFor()
  expect(await shown()).toEqual(numbers(180, 131))
  await page.goto(`${server.url}/#/projects/blog`)
  await page.locator(".runs .run").nth(4).waitFor()
  await older.click()
  await page.locator(".runs .run").nth(17).waitFor()
  expect(await shown()).toEqual(numbers(180, 10, 10))
  await older.waitFor({ state: "hidden" })
  // A run that somebody has looked at makes no gap either.
  await show(page, server.url, 3, "done")
  await page.goto(`${server.url}/#/`)
  await page.locator(".runs .run").nth(49).waitFor()
  for (const last of [81, 31, 1]) {
    expect((await shown()).at(-1)).toBe(last === 31 ? 81 : last === 1 ? 31 : 131)
    await older.click()
    await page.locator(".runs .id", { hasText: new RegExp(`^#${last}$`) }).waitFor()
  }
  expect(await shown()).toEqual(numbers(180, 1))
  await older.waitFor({ state: "hidden" })
  expect(page.wrong).toEqual([])
})

test("goes on after jiji serve has restarted, still signed in", async () => {
  using folder = makeServer()
  const token = folder.token("ann", "run")
  const first = await folder.serve("--drain", "0s")
  await using page = await open(first.url, { token })
  const id = await startGate(first, token)
  await show(page, first.url, id, "running")
  await row(page, "gate/wait").and(page.locator(".open")).waitFor()
  first.child.kill("SIGTERM")
  await first.exited()
  await page.getByText("No connection to the server.").waitFor()
  const second = await folder.serve("--port", new URL(first.url).port)
  expect(second.url).toBe(first.url)
  await page.getByText("No connection to the server.").waitFor({ state: "hidden" })
  folder.write("shop/go", "")
  await pill(page).getByText("done").waitFor()
  // The second attempt has taken the place of the first.
  await row(page, "gate/wait").and(page.locator(".succeeded")).waitFor()
  expect(await row(page, "gate/prepare").count()).toBe(1)
  expect(page.wrong.filter((text) => !text.includes("net::ERR"))).toEqual([])
})

test("works below a path, behind a proxy", async () => {
  using folder = makeServer()
  const token = folder.token("ann", "run")
  const server = await folder.serve()
  const prefix = "/team/jiji"
  await using proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: (request) => {
      const { pathname, search } = new URL(request.url)
      if (!pathname.startsWith(`${prefix}/`)) return new Response("something else", { status: 404 })
      return fetch(`${server.url}${pathname.slice(prefix.length)}${search}`, {
        method: request.method,
        headers: request.headers,
        body: request.body,
        signal: request.signal
      })
    }
  })
  const url = `${proxy.url.origin}${prefix}`
  await using page = await open(`${url}/`, { token })
  const [cookie] = await page.context().cookies()
  expect(cookie).toMatchObject({ name: "jiji_session", path: prefix, httpOnly: true, sameSite: "Strict" })
  const id = await startGate(server, token)
  await page.locator(".active .run").getByText("run gate").click()
  await pill(page).getByText("running").waitFor()
  folder.write("shop/go", "")
  await pill(page).getByText("done").waitFor()
  expect(page.url()).toBe(`${url}/#/runs/${id}`)
  await page.reload()
  await pill(page).getByText("done").waitFor()
  await page.getByRole("button", { name: "Sign out" }).click()
  await page.locator("#token").waitFor()
  expect(await page.context().cookies()).toEqual([])
  expect(page.wrong).toEqual([])
})

test("shows names, notes and failures of authors as plain text, and runs none of it", async () => {
  using folder = makeServer({
    [`${evil}/.jiji/deploy.yml`]: "project: x\n",
    "shop/.jiji/pipelines/hostile.ts": hostile
  })
  const token = folder.token("ann", "run")
  const server = await folder.serve()
  const run = await start(server, token, { project: "shop", pipeline: "hostile", input: { name: malicious } })
  await untilStatus(server, token, run, "failed")
  await using page = await open(server.url, { token })
  await page.locator("a.card", { hasText: evil }).click()
  await page.locator("h1", { hasText: evil }).waitFor()
  await page.goto(`${server.url}/#/projects/shop`)
  await page.locator("a.card", { hasText: malicious }).click()
  await page.locator(".lead", { hasText: malicious }).waitFor()
  await show(page, server.url, run, "failed")
  await row(page, "hostile/say").locator(".body p", { hasText: malicious }).first().waitFor()
  await page.locator("#tab-Log").click()
  expect(await page.locator(".lines p", { hasText: malicious }).count()).toBe(3)
  expect(await page.locator("img").count()).toBe(0)
  expect(await page.title()).toContain("failed · jiji")
  expect(page.wrong).toEqual([])
  // Even a mistake of the page could do nothing: it can neither make markup of text, nor run or load a script.
  for (const mistake of [
    `document.body.innerHTML = "<b>owned</b>"`,
    `document.body.append(Object.assign(document.createElement("script"), { text: "document.title = 'owned'" }))`,
    `document.body.append(Object.assign(document.createElement("script"), { src: "https://evil.example/x.js" }))`
  ]) {
    expect(
      await page.evaluate<string>(`(() => { try { ${mistake}; return "" } catch (error) { return error.name } })()`)
    ).toBe("TypeError")
  }
  expect(await page.title()).toContain("failed · jiji")
})

test("offers only what the token's role allows, and ends with the token", async () => {
  using folder = makeServer()
  const token = folder.token("ann", "run")
  const look = folder.token("guest", "look")
  const server = await folder.serve()
  await startGate(server, token)
  await using page = await open(server.url, { token: look })
  await page.locator(".active .run").getByText("run gate").click()
  await pill(page).getByText("running").waitFor()
  await row(page, "gate/wait").waitFor()
  expect(await page.locator("main").getByRole("button").allTextContents()).toEqual([])
  await page.goto(`${server.url}/#/projects/shop`)
  await page.locator(".active .run").waitFor()
  expect(await page.getByRole("heading", { name: "Start" }).count()).toBe(0)
  folder.jiji("token", "revoke", "guest")
  await page.locator("#token").waitFor()
  expect(await page.getByText("gate").count()).toBe(0)
})

/** Waits for an approval with a tag. */
const release = `import { Effect, Schema } from "effect"
import { Pipeline, Step, Trigger, Runnable } from "jiji"
const build = Step.make("build", () => Effect.succeed({ built: true }), { result: Schema.Struct({ built: Schema.Boolean }) })
const ship = Step.make("ship", ({ approved }: { readonly approved: { readonly tag: string } }) => Effect.logInfo("shipped " + approved.tag))
export default Runnable.make({
  description: "Build, and ship what a person approves",
  on: [Trigger.github({ push: "main", secret: "HOOK_SECRET" })],
  pipeline: Pipeline.make("release").pipe(
    Pipeline.step(build),
    Pipeline.step(Step.waitFor("approved", { schema: Schema.Struct({ tag: Schema.String }) })),
    Pipeline.step(ship)
  )
})
`

test("approves a run that a push has started, and lists triggers and deliveries", async () => {
  using folder = makeServer({ "shop/.jiji/pipelines/release.ts": release, "shop/.env": dotEnv })
  const token = folder.token("ann", "approve")
  const server = await folder.serve()
  await using page = await open(server.url, { token })
  await page.getByRole("link", { name: "shop" }).first().click()
  await page.locator("section", { hasText: "Starts by itself" }).getByText("/hooks/shop/release.github").waitFor()
  await page.screenshot({ path: join(pictures, "serve-triggers.png"), fullPage: true })

  expect(await sendPush(server, "shop/release.github")).toMatchObject({ status: 202, run: 1 })
  expect((await sendPush(server, "shop/release.github", {}, { "x-hub-signature-256": "sha256=00" })).status).toBe(401)
  await page.goto(`${server.url}/#/`)
  await page.locator(".active .run", { hasText: "waits for the signal approved" }).getByText("run release").click()
  await page.getByText("Waits for the signal approved").waitFor()
  await page.screenshot({ path: join(pictures, "serve-waiting.png") })
  await page.getByRole("button", { name: "Send approved" }).click()
  await page.locator(".notices .error").waitFor()
  await page.getByLabel("Value of approved").fill('{"tag": "v1"}')
  await page.getByLabel("Value of approved").press("Enter")
  await page.getByText("Sent approved to run 1.").waitFor()
  await pill(page).getByText("done", { exact: true }).waitFor()
  const events = await (
    await fetch(`${server.url}/api/runs/1/events`, { headers: { authorization: `Bearer ${token}` } })
  ).text()
  expect(events).toContain("shipped v1")

  await page.getByRole("link", { name: "Deliveries" }).click()
  await page.locator(".run", { hasText: "refused" }).waitFor()
  await page.screenshot({ path: join(pictures, "serve-deliveries.png") })
  expect(await page.getByRole("button", { name: "Deliver again" }).count()).toBe(1)
  await page.getByRole("button", { name: "Deliver again" }).click()
  await page.getByText("Delivered 1 again.").waitFor()
  await untilStatus(server, token, 2, "waiting")
  // The browser reports the answer that refuses the value.
  expect(page.wrong.filter((text) => !text.includes("422"))).toEqual([])
})

test("fits and is readable in light and dark, on a desk and on a telephone", async () => {
  using folder = makeServer({ "shop/.jiji/pipelines/hostile.ts": hostile })
  const token = folder.token("ann", "administer")
  const server = await folder.serve()
  const run = await start(server, token, { project: "shop", pipeline: "hostile", input: { name: "x".repeat(200) } })
  await untilStatus(server, token, run, "failed")
  await startGate(server, token)
  await start(server, token, { project: "shop", command: ["deploy", "--version", "4c1d9e0"] })
  const views = {
    home: ["", ".active .run >> nth=1"],
    project: ["projects/shop", "a.card >> nth=2"],
    running: ["runs/2", "details.open"],
    failed: [`runs/${run}`, "details.failed .body p >> nth=0"],
    form: ["start/shop/pipeline/hello", "form.start"],
    command: ["start/shop/command/deploy", "form.start"]
  } as const
  const backs = new Set<string>()
  for (const width of [1280, 320]) {
    for (const scheme of ["light", "dark"] as const) {
      await using page = await open(server.url, { width, scheme, token })
      for (const [name, [hash, element]] of Object.entries(views)) {
        await page.goto(`${server.url}/#/${hash}`)
        await page.locator(element).waitFor()
        await page.screenshot({ path: join(pictures, `serve-${name}-${width}-${scheme}.png`), fullPage: true })
        expect([name, await page.evaluate<number>(`document.documentElement.scrollWidth`)]).toEqual([name, width])
      }
      const [back = "", text = ""] = await Promise.all(
        ["backgroundColor", "color"].map((name) =>
          page.evaluate<string>(`getComputedStyle(document.documentElement).${name}`)
        )
      )
      backs.add(back)
      expect(contrast(back, text)).toBeGreaterThan(7)
      // Words in a colour of their own.
      await page.goto(`${server.url}/#/`)
      await page.locator(".runs .pill.failed").waitFor()
      const colours = await page.evaluate<ReadonlyArray<string>>(
        `[...document.querySelectorAll(".pill, .meta, a, h2")].map((each) => getComputedStyle(each).color)`
      )
      for (const colour of colours) {
        expect(contrast(back, colour)).toBeGreaterThan(4.5)
      }
      expect(page.wrong).toEqual([])
    }
  }
  expect(backs.size).toBe(2)
})

test("shows an event soon, and opens runs of 10,000 events", async () => {
  using folder = makeServer({
    "shop/.jiji/pipelines/large.ts": large,
    "shop/.jiji/pipelines/wordy.ts": wordy
  })
  const token = folder.token("ann", "run")
  const server = await folder.serve()
  const runs = []
  for (const pipeline of ["large", "wordy"]) {
    const id = await start(server, token, { project: "shop", pipeline })
    await untilStatus(server, token, id, "succeeded")
    runs.push({ id, pipeline, events: (await server.events(token, id)).length })
  }
  const report: Array<string> = []
  await using page = await open(server.url, { token })
  for (const { events, id, pipeline } of runs) {
    expect(events).toBeGreaterThanOrEqual(10_000)
    const path = pipeline === "large" ? "large/items[199]" : "wordy/talk"
    const from = performance.now()
    await page.goto(`${server.url}/#/runs/${id}`)
    await row(page, path).and(page.locator(".succeeded")).waitFor()
    report.push(`a run of ${events} events (${pipeline}) opens in ${Math.round(performance.now() - from)} ms`)
  }
  // Few rows are drawn at first.
  await page.goto(`${server.url}/#/runs/1`)
  await page.getByRole("button", { name: "Show 2300 more" }).click()
  await row(page, "large/items[2499]").locator("summary").click()
  await row(page, "large/items[2499]/work").and(page.locator(".succeeded")).waitFor()
  await page.goto(`${server.url}/#/runs/2`)
  await row(page, "wordy/talk").locator("summary").click()
  await page.getByText("line 9999", { exact: true }).last().waitFor()
  // From the time that an event has to the time when the page shows it. Both clocks are this machine's.
  const id = await startGate(server, token)
  await page.goto(`${server.url}/#/runs/${id}`)
  await row(page, "gate/wait").and(page.locator(".open")).waitFor()
  const shown = page.evaluate<number>(`new Promise((resolve) => {
    const look = () => document.querySelector('[data-path="gate/wait"].succeeded') === null
      ? requestAnimationFrame(look) : resolve(Date.now())
    look()
  })`)
  folder.write("shop/go", "")
  const at = await shown
  const ended = (await server.events(token, id)).find(
    ({ data }) => data._tag === "StepSucceeded" && property(data, "path") === "gate/wait"
  )
  report.push(`an event is shown after ${at - Number(property(ended?.data, "time"))} ms`)
  await Bun.write(Bun.stdout, `${report.join("\n")}\n`)
  expect(page.wrong).toEqual([])
})
