import { join } from "node:path"

const root = join(import.meta.dir, "../..")

/** Compiles jiji, or takes the program that `JIJI` names, and returns its path. */
export const compileJiji = (): string => {
  const given = process.env["JIJI"]
  if (given !== undefined) return given
  const { exitCode, stderr } = Bun.spawnSync(["bin/build"], { cwd: root, stderr: "pipe" })
  if (exitCode !== 0) throw new Error(stderr.toString())
  return join(root, "dist/jiji")
}
