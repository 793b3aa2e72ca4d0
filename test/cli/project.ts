import { afterAll, beforeAll } from "bun:test"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { dirname, join } from "node:path"

/** What `bun run jiji` starts. */
export const source = join(import.meta.dir, "../../src/main.ts")

// One file of it all starts in a third of the time.
const bundled = mkdtempSync(join(tmpdir(), "jiji-bundle-"))
/** The same as one file. */
export const main = join(bundled, "main.js")
/** Makes it for the tests of a file, and takes it away after them. */
export const bundle = () => {
  beforeAll(async () => {
    await Bun.build({ entrypoints: [source], target: "bun", outdir: bundled })
  })
  afterAll(() => rmSync(bundled, { recursive: true, force: true }))
}

/** A folder with files, and what runs `jiji` there, with no engine and nothing of this machine's user. */
export const project = (files: Readonly<Record<string, string>>) => {
  const root = mkdtempSync(join(tmpdir(), "jiji-cli-"))
  const home = mkdtempSync(join(tmpdir(), "jiji-home-"))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text, { mode: 0o600 })
  }
  // Bun keeps what it has compiled, which is not to be in the home that is looked at.
  const compiled = join(homedir(), ".bun/install/cache/@t@")
  const env = { PATH: "/usr/bin:/bin", HOME: home, BUN_RUNTIME_TRANSPILER_CACHE_PATH: compiled }
  return {
    root,
    home,
    env,
    jiji: (args: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) => {
      const { exitCode, stderr, stdout } = Bun.spawnSync([process.execPath, main, ...args], {
        cwd: root,
        env: { ...env, ...more },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe"
      })
      return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
    },
    /** Every file of the project and of the user's home, with when it was written. */
    listing: () =>
      [root, home].flatMap((folder) =>
        readdirSync(folder, { recursive: true })
          .map((name) => `${name} ${statSync(join(folder, String(name))).mtimeMs}`)
          .sort()
      ),
    [Symbol.dispose]: () => {
      for (const folder of [root, home]) rmSync(folder, { recursive: true, force: true })
    }
  }
}
