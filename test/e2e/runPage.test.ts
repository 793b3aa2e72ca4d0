import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Stream } from "effect"
import { type Browser, chromium, type Page } from "playwright-core"
import { recorder } from "../../src/record/recorder.ts"
import { failedDeploy, malicious } from "../record/story.ts"
import { contrast } from "./contrast.ts"

setDefaultTimeout(120_000)

const root = join(import.meta.dir, "../..")
const pictures = join(root, "dist/pages")
const folder = mkdtempSync(join(tmpdir(), "jiji-page-"))
let browser: Browser

const about = { project: "shop", environment: "staging", servers: ["web1", "web2"], who: "deploy@laptop" }

/** Records a run, and has jiji write its page. */
const write = async (run: string, lines: number): Promise<string> => {
  const events = failedDeploy({ run, lines, began: Date.now() - 3_600_000 })
  const keep = recorder(join(folder, "jiji/runs.sqlite"), about, ({ message }) => {
    throw new Error(message)
  })
  await Effect.runPromise(keep(Stream.fromIterable(events)))
  const file = join(folder, `${run}.html`)
  const words = [process.execPath, join(root, "src/main.ts"), "runs", "show", run, "--html", file]
  const { exitCode, stderr } = Bun.spawnSync(words, {
    cwd: folder,
    env: { PATH: "/usr/bin:/bin", HOME: folder, XDG_STATE_HOME: folder, TZ: "UTC" }
  })
  if (exitCode !== 0) throw new Error(stderr.toString())
  return file
}

beforeAll(async () => {
  mkdirSync(pictures, { recursive: true })
  // Chromium's sandbox does not work as root.
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] })
})
afterAll(async () => {
  await browser.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Opens a page's file. Any request, console message or error is recorded as wrong. */
const open = async (file: string, options: { readonly width?: number; readonly scheme?: "light" | "dark" } = {}) => {
  const { scheme = "light", width = 1280 } = options
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: scheme })
  const wrong: Array<string> = []
  page.on("console", (message) => void wrong.push(`console: ${message.text()}`))
  page.on("pageerror", (error) => void wrong.push(`error: ${error.message}`))
  page.on("request", (request) => request.url() !== `file://${file}` && void wrong.push(`request: ${request.url()}`))
  await page.goto(`file://${file}`)
  return Object.assign(page, { wrong })
}

const step = (page: Page, path: string) => page.locator(`[data-path="${path}"]`)
const build = "deploy/images/services[web]/build"
const second = "deploy/servers[web2]/services[web]"

test("shows the steps of each machine as bars over time, nested like the pipeline", async () => {
  const page = await open(await write("bars", 40))
  expect(await page.title()).toBe("deploy of shop to staging: failed after 12.3 s")
  expect(await page.locator("h2").allTextContents()).toEqual(["This machine", "web1", "web2"])
  const bar = async (path: string) => {
    const box = await step(page, path).locator("svg .bar").first().boundingBox()
    if (box === null) throw new Error(`${path} has no bar`)
    return box
  }
  const [building, pushing, pulling, deploying] = await Promise.all(
    [build, "deploy/images/services[web]/push", `${second}/pull`, `${second}/deploy`].map(bar)
  )
  if (building === undefined || pushing === undefined || pulling === undefined || deploying === undefined)
    throw new Error()
  // One step starts where the other ends, and widths are proportional to durations.
  expect(Math.abs(building.x + building.width - pushing.x)).toBeLessThan(5)
  expect(Math.abs(pulling.x + pulling.width - deploying.x)).toBeLessThan(5)
  expect(deploying.x).toBeGreaterThan(pushing.x + pushing.width)
  expect(building.width / pushing.width).toBeCloseTo(3634 / 849, 0)
  const holds = step(page, second).locator(`[data-path="${second}/deploy"]`)
  expect(await holds.count()).toBe(1)
  // Only the failed step is open, with its cause and its last output.
  expect(await step(page, `${second}/deploy`).getByText("panic: no database").isVisible()).toBe(true)
  expect(await step(page, `${second}/deploy`).getByText("did not become healthy").isVisible()).toBe(true)
  expect(await step(page, build).locator("p").first().isVisible()).toBe(false)
  expect(page.wrong).toEqual([])
})

test("opens the output of a step by click or keyboard", async () => {
  const page = await open(await write("click", 40))
  const first = step(page, build).locator("p").first()
  await step(page, build).locator("summary").click()
  expect(await first.isVisible()).toBe(true)
  expect(await first.textContent()).toBe("#1 [build 1/40] RUN make part-1")
  await step(page, build).locator("summary").press("Enter")
  expect(await first.isVisible()).toBe(false)
  await page.keyboard.press("ArrowDown")
  await page.keyboard.press("ArrowUp")
  await page.keyboard.press("Space")
  expect(await first.isVisible()).toBe(true)
  expect(page.wrong).toEqual([])
})

test("a search shows only matching lines and steps, and Escape restores the page", async () => {
  const page = await open(await write("search", 40))
  const visible = () => page.locator(".log p:visible").allTextContents()
  const before = await visible()
  await page.keyboard.press("/")
  await page.keyboard.type("MAKE part-3")
  await page.getByText("11 lines in 1 step").waitFor()
  expect(await visible()).toEqual(
    [3, ...Array.from({ length: 10 }, (_, n) => 30 + n)].map((n) => `#${n} [build ${n}/40] RUN make part-${n}`)
  )
  expect(await page.locator("h2:visible").allTextContents()).toEqual(["This machine"])
  expect(await page.evaluate<number>(`CSS.highlights.get("found").size`)).toBe(11)
  await page.locator("#search").fill("pull")
  await page.getByText("4 lines in 2 steps").waitFor()
  await page.locator("#search").fill("nothing like it")
  await page.getByText("No matches.").waitFor()
  await page.locator("#search").press("Escape")
  await page.getByText("No matches.").waitFor({ state: "hidden" })
  expect(await visible()).toEqual(before)
  expect(await page.locator("h2:visible").count()).toBe(3)
  expect(page.wrong).toEqual([])
})

test("shows a server's output as plain text and runs none of it", async () => {
  const file = await write("inert", 5)
  const page = await open(file)
  await page.locator("#open").click()
  expect(await step(page, build).locator("p").last().textContent()).toBe(malicious)
  expect(await page.title()).toStartWith("deploy of shop")
  expect(await page.locator("img").count()).toBe(0)
  expect(page.wrong).toEqual([])
  // Even markup that got into the page would do nothing.
  let asked = 0
  using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(String(++asked)) })
  const markup = `<img src="${server.url}" onerror="document.title='owned'"><script>document.title = "owned"</script>`
  await Bun.write(file, readFileSync(file, "utf8").replace("<main>", `<main>${markup}`))
  const other = await open(file)
  expect(await other.locator("img").count()).toBe(1)
  expect(await other.title()).toStartWith("deploy of shop")
  expect(other.wrong.join("\n")).toContain("Content Security Policy")
  expect(asked).toBe(0)
})

test("opens and searches 10,000 lines", async () => {
  const page = await open(await write("long", 10_000))
  await step(page, build).locator("summary").click()
  await page.locator("#search").fill("part-9999")
  await page.getByText("1 line in 1 step").waitFor()
  expect(await page.locator(".log p:visible").allTextContents()).toEqual([
    "#9999 [build 9999/10000] RUN make part-9999"
  ])
  await page.locator("#search").fill("")
  await step(page, build).getByText("part-1000", { exact: false }).first().waitFor()
  expect(page.wrong).toEqual([])
})

test("fits and is readable in light and dark, wide and narrow", async () => {
  const file = await write("looks", 14)
  const backs = new Set<string>()
  for (const width of [1280, 400]) {
    for (const scheme of ["light", "dark"] as const) {
      const page = await open(file, { width, scheme })
      const [back, text] = await Promise.all(
        ["backgroundColor", "color"].map((name) =>
          page.evaluate<string>(`getComputedStyle(document.documentElement).${name}`)
        )
      )
      if (back === undefined || text === undefined) throw new Error("the page has no colours")
      backs.add(back)
      expect(await page.evaluate<number>(`document.documentElement.scrollWidth`)).toBe(width)
      expect(contrast(back, text)).toBeGreaterThan(7)
      const picture = join(pictures, `run-${width}-${scheme}.png`)
      await page.screenshot({ path: picture, fullPage: true })
      expect(existsSync(picture)).toBe(true)
      expect(page.wrong).toEqual([])
      await page.close()
    }
  }
  expect(backs.size).toBe(2)
})
