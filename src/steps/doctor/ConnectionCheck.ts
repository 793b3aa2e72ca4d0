import { Effect } from "effect"
import type { Project, Server } from "../../config/Project.ts"
import { Ssh } from "../../layers/ssh/Ssh.ts"
import * as Step from "../../pipeline/Step.ts"
import { address, catchAsCheck, type Check, CheckResult, checksFor } from "./Check.ts"

interface Adds {
  readonly checks: ReadonlyArray<Check>
  /** Absent where there is no connection. */
  readonly connected?: true
}

/** Opens the connection to a server. */
export const step = Step.make(
  "connect",
  Effect.fnUntraced(function* ({ project, server }: { readonly project: Project; readonly server: Server }) {
    const { ok, skipped } = checksFor(server.name)
    const connect = Effect.map((yield* Ssh).connect(server), ({ isNew }): Adds => {
      const hostKey = isNew ? `its host key is new, and now in ${server.knownHosts}` : "its host key is known"
      return { checks: [ok("ssh", `${address(server)} lets jiji in; ${hostKey}`)], connected: true }
    })
    const others = ["engine", "processor", "disk", "clock", ...(project.registry.type === "local" ? ["tunnel"] : [])]
    return yield* catchAsCheck(server.name, "ssh", connect, (check): Adds => ({
      checks: [check, ...skipped("there is no connection", ...others, "registry")]
    }))
  }),
  { result: CheckResult }
)
