import { beforeAll } from "bun:test"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { compile, program, shortRun } from "../support/program.ts"

/** The source file of jiji. */
export const source = join(import.meta.dir, "../../src/main.ts")

/** Compiles jiji before the tests of a file. */
export const compileFirst = () => beforeAll(compile, 120_000)

/** A folder with files, and a function that runs `jiji` there, with an empty home folder. */
export const project = (files: Readonly<Record<string, string>>) => {
  const root = mkdtempSync(join(tmpdir(), "jiji-cli-"))
  const home = mkdtempSync(join(tmpdir(), "jiji-home-"))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), text, { mode: 0o600 })
  }
  // Keeps Bun's cache out of the home folder, which tests compare.
  const compiled = join(homedir(), ".bun/install/cache/@t@")
  const env = { PATH: "/usr/bin:/bin", HOME: home, BUN_RUNTIME_TRANSPILER_CACHE_PATH: compiled, ...shortRun }
  return {
    root,
    home,
    env,
    jiji: (args: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) => {
      const { exitCode, stderr, stdout } = Bun.spawnSync([program, ...args], {
        cwd: root,
        env: { ...env, ...more },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe"
      })
      return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
    },
    /** Every file of the project and of the home folder, with its modification time. */
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
