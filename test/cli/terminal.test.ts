import { describe, expect, test } from "bun:test"
import { emulator } from "../reporters/emulator.ts"
import { program } from "../support/program.ts"
import { until } from "../support/waiting.ts"
import { compileFirst, project } from "./project.ts"

compileFirst()

// The secrets step runs until it is stopped, as with a password manager that does not answer.
const files = {
  ".jiji/deploy.yml": `project: shop
servers: { web1: { host: 203.0.113.10 } }
services: { web: { image: "nginx:1.27", hosts: [web1], environment: { secrets: [TOKEN] } } }
`,
  ".env": "TOKEN=$(sleep 300)\n"
}

/** `jiji deploy` in its own terminal. */
const atTerminal = (
  shop: ReturnType<typeof project>,
  columns: number,
  more: Readonly<Record<string, string>> = {},
  first = ""
) => {
  const screen = emulator(columns, 24)
  const decoder = new TextDecoder()
  const child = Bun.spawn(["sh", "-c", `${first}exec "$0" "$@"`, program, "deploy"], {
    cwd: shop.root,
    env: { ...shop.env, TERM: "xterm-256color", ...more },
    terminal: { cols: columns, rows: 24, data: (_, bytes) => screen.write(decoder.decode(bytes, { stream: true })) }
  })
  /** Waits until the screen shows something. */
  const shows = (shown: RegExp) => until(screen.now, (text) => shown.test(text))
  return { child, screen, shows }
}

describe("a deploy in a terminal", () => {
  test("shows running steps, follows a resize, and leaves the screen clean after Ctrl-C", async () => {
    using shop = project(files)
    const { child, screen, shows } = atTerminal(shop, 80)
    expect(await shows(/^· secrets +[1-9]\d* s$/m)).toMatch(/^deploy\n· secrets +[1-9]\d* s$/)
    await screen.resize(24, 10)
    child.terminal?.resize(24, 10)
    expect(await shows(/^· secrets \d/m)).toMatch(/^deploy\n· secrets \d+ s$/)
    child.terminal?.write("\u0003")
    expect(await child.exited).toBe(130)
    expect(await shows(/^interrupted$/m)).toMatch(
      /^deploy\n! interrupted:\n {2}stopping; press\n {2}Ctrl-C again to exit\n {2}immediately\n! secrets [\d.]+ s interr[^\n]*\n! interrupted after [^\n]*\ninterrupted$/
    )
  })

  test("prints plain lines with TERM=dumb, and no colors with NO_COLOR", async () => {
    using shop = project(files)
    const dumb = atTerminal(shop, 80, { TERM: "dumb" })
    await dumb.shows(/^ +0\.0s {2}deploy, run /m)
    dumb.child.terminal?.write("\u0003")
    expect(await dumb.child.exited).toBe(130)
    await dumb.shows(/^ +[\d.]+s {2}interrupted after /m)
    const plain = atTerminal(shop, 80, { NO_COLOR: "1" })
    await plain.shows(/^· secrets/m)
    plain.child.terminal?.write("\u0003")
    await plain.child.exited
    // oxlint-disable-next-line no-control-regex -- what a terminal obeys is what is looked for
    expect(dumb.screen.raw()).not.toMatch(/\u001b/)
    // oxlint-disable-next-line no-control-regex -- the same
    expect(plain.screen.raw()).not.toMatch(/\u001b\[\d+m/)
  })

  test("truncates nothing in a terminal of unknown size", async () => {
    using shop = project(files)
    const { child, screen, shows } = atTerminal(shop, 80, {}, "stty cols 0 rows 0; ")
    await shows(/^· secrets/m)
    child.terminal?.write("\u0003")
    expect(await child.exited).toBe(130)
    expect(await shows(/^interrupted$/m)).not.toContain("…")
    expect(screen.raw()).toContain("deploy")
  })
})
