import { Schema } from "effect"
import { join } from "node:path"
import { Report } from "../../src/steps/doctor/Report.ts"
import type { Hosts } from "./Hosts.ts"
import type { TestProject } from "./Project.ts"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Report))

/** Runs jiji with a twelfth of its time limits, on a project that `write` makes. */
export const hurry = (hosts: Hosts, write: () => TestProject) => {
  const start = (args: ReadonlyArray<string>, project = write()) =>
    hosts.operator.start(
      [
        process.execPath,
        "--preload",
        join(import.meta.dir, "hurried.ts"),
        join(import.meta.dir, "../../src/main.ts"),
        ...args
      ],
      { cwd: project.root }
    )
  return {
    start,
    /** The checks of a machine that `jiji doctor` finds failed, with their text. */
    failedChecks: async (machine: string) => {
      const run = await start(["doctor", "--json"]).done
      const checks = decode(run.stdout).machines.find(({ name }) => name === machine)?.checks ?? []
      const failed = checks.filter(({ status }) => status === "failed")
      return Object.fromEntries(failed.map(({ name, text }) => [name, text]))
    }
  }
}
