import { join } from "node:path"

const main = join(import.meta.dir, "../../src/main.ts")

/** What `jiji --help` prints, from the commands themselves. */
const help = (env: Readonly<Record<string, string>>): string => {
  const child = Bun.spawnSync([process.execPath, main, "--help"], {
    env: { PATH: "/usr/bin:/bin", HOME: "/", ...env },
    stdin: "ignore",
    stderr: "inherit"
  })
  if (child.exitCode !== 0) throw new Error(`jiji --help ended with exit code ${child.exitCode}`)
  return child.stdout.toString()
}

/** src/release/help.json. */
export const helpTexts = (): string =>
  `${JSON.stringify({ plain: help({ NO_COLOR: "1" }), colored: help({ FORCE_COLOR: "1" }) }, null, 2)}\n`
