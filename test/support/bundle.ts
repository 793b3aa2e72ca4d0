import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { isAlive } from "./processes.ts"

const root = join(import.meta.dir, "../..")
const prefix = "jiji-bundles-"
const folder = join(tmpdir(), `${prefix}${process.pid}`)
const built = new Map<string, Promise<unknown>>()

/** Removes what earlier test processes have left: nothing tells a process that its last test has ended. */
const sweep = () => {
  for (const name of readdirSync(tmpdir())) {
    if (name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length)))) {
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
    }
  }
}

const build = async (entry: string) => {
  sweep()
  mkdirSync(folder, { recursive: true })
  await Bun.build({ entrypoints: [join(root, entry)], target: "bun", outdir: folder })
}

/** A program as one file, which starts in a third of the time. `make` builds it, once in a test process. */
export const bundleOf = (entry: string) => ({
  path: join(folder, basename(entry).replace(/\.ts$/, ".js")),
  make: async (): Promise<void> => {
    const done = built.get(entry) ?? build(entry)
    built.set(entry, done)
    await done
  }
})
