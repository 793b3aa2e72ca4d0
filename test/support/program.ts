import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs"
import { dirname, join } from "node:path"

const root = join(import.meta.dir, "../..")

/** jiji as a release compiles it: what users run. It starts in a third of the time that the source takes. */
export const program = join(root, "dist/program/jiji")

/** Saves half of the processor time of a short run, which Bun would spend on optimizing code that then hardly runs. */
export const shortRun = { BUN_JSC_thresholdForJITAfterWarmUp: "10000" }

const sources = () => [
  "src",
  "bin/build",
  "package.json",
  "bun.lock",
  ...readdirSync(join(root, "src"), { recursive: true }).map((name) => `src/${name}`)
]

const isCurrent = () => {
  if (!existsSync(program)) return false
  const built = statSync(program).mtimeMs
  return sources().every((name) => statSync(join(root, name)).mtimeMs < built)
}

/** Compiles {@link program}, unless it is current. Several processes can do this at the same time. */
export const compile = (): void => {
  if (isCurrent()) return
  mkdirSync(dirname(program), { recursive: true })
  const out = `${program}-${process.pid}`
  const start = new Date()
  try {
    const { exitCode, stderr } = Bun.spawnSync([join(root, "bin/build"), out], {
      // Like a reader of the README, who has no Bun beside the one that bin/setup installs.
      env: { ...process.env, PATH: "/usr/bin:/bin" },
      stdout: "ignore",
      stderr: "pipe"
    })
    if (exitCode !== 0) throw new Error(stderr.toString())
    // A source that changes during the build is newer than the program.
    utimesSync(out, start, start)
    renameSync(out, program)
  } finally {
    rmSync(out, { force: true })
  }
}

if (import.meta.main) compile()
