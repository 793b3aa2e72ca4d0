import { Effect } from "effect"
import type { Project, Server } from "../../config/Project.ts"
import { proxiedOn } from "../../layers/proxy/sites.ts"
import { Ssh } from "../../layers/ssh/Ssh.ts"
import * as Step from "../../pipeline/Step.ts"
import { address, catchAsCheck, type Check, CheckResult, checksFor } from "./Check.ts"

interface Adds {
  readonly checks: ReadonlyArray<Check>
  /** Absent if the connection failed. */
  readonly connected?: true
}

/** Connects to a server. */
export const step = Step.make(
  "connect",
  Effect.fnUntraced(function* ({ project, server }: { readonly project: Project; readonly server: Server }) {
    const { ok, skipped } = checksFor(server.name)
    const connect = Effect.map((yield* Ssh).connect(server), ({ isNew, recordedIn }): Adds => {
      const hostKey = isNew
        ? `its new host key was added to ${recordedIn ?? server.knownHosts}`
        : "its host key is known"
      return { checks: [ok("ssh", `logged in to ${address(server)}; ${hostKey}`)], connected: true }
    })
    const isProxied = proxiedOn(project, server.name).length > 0
    const others = ["engine", "processor", "disk", "clock", ...(project.registry.type === "local" ? ["tunnel"] : [])]
    return yield* catchAsCheck(server.name, "ssh", connect, (check): Adds => ({
      checks: [
        check,
        ...skipped("the connection failed", ...others, "registry"),
        ...(isProxied ? skipped("the connection failed", "proxy", "ports", "certificates") : [])
      ]
    }))
  }),
  { result: CheckResult }
)
