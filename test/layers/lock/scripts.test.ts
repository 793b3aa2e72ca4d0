import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { chmodSync, chownSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { audit } from "../../../src/layers/lock/audit/audit.ts"
import { encodeSaid } from "../../../src/layers/lock/Holder.ts"
import { hold } from "../../../src/layers/lock/hold/hold.ts"
import { mark } from "../../../src/layers/lock/mark/mark.ts"

/** A command that runs a script. */
interface Command {
  readonly words: ReadonlyArray<string>
}

const me = `${process.getuid?.()}`
const nobody = 65534
const payload = encodeSaid({ user: "ann", machine: "laptop", run: "r1", command: "deploy" })
const day = 86_400

let folder = ""
let running: ReadonlyArray<Bun.Subprocess> = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lock-"))
  chmodSync(folder, 0o1777)
})
afterEach(async () => {
  for (const child of running) {
    child.kill()
    await child.exited
  }
  running = []
  rmSync(folder, { recursive: true })
})

const file = (name: string) => join(folder, `jiji.shop.${name}`)
const seconds = () => Math.floor(Date.now() / 1000)

for (const shell of ["sh", "busybox sh"]) {
  const wordsOf = ({ words }: Command, before: ReadonlyArray<string>) => [
    ...before,
    ...shell.split(" "),
    ...words.slice(1)
  ]
  const run = (command: Command, env = {}, before: ReadonlyArray<string> = []) => {
    const { exitCode, stderr, stdout } = Bun.spawnSync(wordsOf(command, before), { env: { ...process.env, ...env } })
    return { code: exitCode, stdout: `${stdout}`, stderr: `${stderr}` }
  }
  const marking = (args: Partial<Parameters<typeof mark.command>[0]>) =>
    mark.command({
      project: "shop",
      folder,
      action: "list",
      id: "",
      seconds: 0,
      owner: "",
      payload: "",
      ids: "",
      ...args
    })
  const locking = () => marking({ action: "lock", id: "good", seconds: 60, owner: "bWU", payload })
  const auditing = (touch: boolean) => audit.command({ project: "shop", folder, touch, lines: 0 })
  /** Starts to hold the lock. Returns what the script prints until it holds it or finds it held. */
  const holding = async (owner = "bWU") => {
    const command = hold.command({ project: "shop", folder, owner, payload, mine: false, patience: 0, lease: 100 })
    const child = Bun.spawn(wordsOf(command, []), { stdout: "pipe", stderr: "inherit" })
    running = [...running, child]
    let text = ""
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk
      if (/^(locked|held).*\n/m.test(text)) break
    }
    return text.trim().split("\n")
  }

  describe(`the lock's scripts with ${shell}`, () => {
    test("take only marks that jiji can end", () => {
      const now = seconds()
      const end = now + 60
      const lines = [
        `lock ${"x".repeat(51)} ${now} ${end} o x`,
        `lock a/b ${now} ${end} o x`,
        `lock a*b ${now} ${end} o x`,
        `lock payload ${now} ${end} o x.y`,
        `lock octal 09 ${end} o x`,
        `lock number ${now} ${end}x o x`,
        `lock none ${now}  x`,
        `lock late ${now} ${now + 31 * day} o x`,
        `lock long ${now - 20 * day} ${now + 20 * day} o x`,
        `lock over ${now - 60} ${now - 1} o x`,
        `lock ${"y".repeat(50)} ${now} ${end} o x`,
        `lock month ${now} ${now + 30 * day} o x-_9`
      ]
      writeFileSync(file(`marks.${me}`), `${lines.join("\n")}\n`)
      const { code, stderr, stdout } = run(marking({}))
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
      expect(
        stdout
          .trim()
          .split("\n")
          .map((line) => line.split(" ")[4])
      ).toEqual(["y".repeat(50), "month"])
      expect(run(marking({ action: "unlock", ids: `${"y".repeat(50)} month` }))).toEqual({
        code: 0,
        stdout: "",
        stderr: ""
      })
      expect(run(marking({})).stdout).toBe("")
    })

    test("replace links and folders at the paths of their files", async () => {
      mkdirSync(file(`by.${me}`))
      writeFileSync(join(file(`by.${me}`), "x"), "")
      mkdirSync(file(`marks.${me}`))
      symlinkSync("/nowhere", file(`audit.${me}`))
      symlinkSync(folder, file(`new.${me}`))
      expect(run(locking(), { JIJI_ENTRY: "one" }).stdout).toMatch(/^mark \d+ \d+ \d+ good \S+\n$/)
      expect(readFileSync(file(`audit.${me}`), "utf8")).toBe("one\n")
      expect(run(marking({ action: "unlock", ids: "good" }))).toEqual({ code: 0, stdout: "", stderr: "" })
      expect(await holding()).toEqual([expect.stringMatching(/^locked \S+:\d+:\d+$/)])
      expect(lstatSync(file(`by.${me}`)).isFile()).toBe(true)
      expect(readFileSync(file(`by.${me}`), "utf8")).toContain(payload)
      expect(run(auditing(true)).code).toBe(0)
    })

    test("tell two users of one machine that they have one lock", async () => {
      const [locked = ""] = await holding()
      const [same = "", held = ""] = await holding("b3RoZXI")
      expect(same).toBe(locked.replace("locked", "file"))
      expect(held).toEndWith(` ${payload}`)
    })

    test("take a link at the path of the lock for a lock that is held", async () => {
      symlinkSync("/nowhere", file("lock"))
      expect(await holding()).toEqual([expect.stringMatching(/^held run /)])
    })

    // Only root may give files away.
    if (me === "0") {
      test("replace the files that another user has put at root's paths", async () => {
        for (const kind of ["by.0", "new.0", "marks.0", "audit.0"]) {
          writeFileSync(file(kind), "forged\n")
          chownSync(file(kind), nobody, nobody)
        }
        expect(run(locking(), { JIJI_ENTRY: "one" }).stdout).toMatch(/^mark \d+ \d+ \d+ good \S+\n$/)
        expect(run(marking({ action: "unlock", ids: "good" })).code).toBe(0)
        expect((await holding())[0]).toStartWith("locked ")
        expect(["by.0", "marks.0", "audit.0"].map((kind) => lstatSync(file(kind)).uid)).toEqual([0, 0, 0])
        expect(readFileSync(file("audit.0"), "utf8")).toBe("one\n")
      })

      test("do without another user's files that they may not remove, and name them", () => {
        const as = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"]
        for (const kind of ["by", "marks", "audit"]) writeFileSync(file(`${kind}.${nobody}`), "roots\n")
        utimesSync(file(`by.${nobody}`), 1000, 1000)
        expect(run(locking(), {}, as)).toEqual({
          code: 1,
          stdout: "",
          stderr: `${file(`marks.${nobody}`)} belongs to the user root\n`
        })
        expect(run(auditing(true), { JIJI_ENTRY: "one" }, as).stdout).toBe("unaudited\n")
        expect(lstatSync(file(`by.${nobody}`)).mtimeMs).toBe(1_000_000)
        const command = hold.command({
          project: "shop",
          folder,
          owner: "bWU",
          payload,
          mine: false,
          patience: 0,
          lease: 0
        })
        // It looks at the time of the file often.
        const words = command.words.map((word) => word.replace("while nap 5", "while nap 0.1"))
        const child = run({ words }, {}, ["timeout", "2", ...as])
        expect(child.stdout).toMatch(/^unannounced \S+by\.65534\nlocked \S+\n$/)
        expect(readdirSync(folder).filter((name) => name.includes(".new."))).toEqual([])
      })
    }
  })
}
