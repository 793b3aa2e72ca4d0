import { Effect } from "effect"
import type { Project, Server } from "../../config/Project.ts"
import { Diagnosis, type MachineFacts } from "../../layers/diagnosis/Diagnosis.ts"
import type { Served } from "../../layers/registry/LocalRegistry.ts"
import { isLoopback } from "../../layers/registry/Loopback.ts"
import { Ssh } from "../../layers/ssh/Ssh.ts"
import * as Step from "../../pipeline/Step.ts"
import { catchAsCheck, type Check, CheckResult, checksFor } from "./Check.ts"

const closed = {
  remedy:
    "Set `GatewayPorts no` in /etc/ssh/sshd_config on the server and restart sshd: it exposes forwarded ports to all networks. jiji rejects connections from elsewhere."
}

/** Whether jiji's own registry occupies the port on a server, which then is this machine, such as with `jiji sandbox`. */
const isOwnPort = (server: Server, port: number, served: Served): boolean =>
  served.port === port && (server.proxy ?? "none").toLowerCase() === "none" && isLoopback(server.host)

/** Opens a tunnel from a server to the local registry, and lets the server's engine use it. */
export const step = Step.make(
  "tunnel",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: Server
    readonly connected?: true
    readonly found?: MachineFacts
    readonly served?: Served
  }) {
    const { connected, found, project, server, served } = state
    const { registry } = project
    const { failed, ok, skipped, warning } = checksFor(server.name)
    const none: { readonly checks: ReadonlyArray<Check> } = { checks: [] }
    if (connected === undefined || registry.type === "remote") return none
    if (found === undefined) return { checks: skipped("the server could not be checked", "tunnel", "registry") }
    if (served === undefined) return { checks: skipped("the registry is not running", "tunnel", "registry") }

    const open = Effect.gen(function* () {
      const tunnel = yield* (yield* Ssh).forward(server, { port: registry.port, to: served.socket ?? served.port })
      const port = (yield* Diagnosis).checkPort(server, tunnel.port, found.engine?.name)
      const seen = yield* Effect.raceFirst(port, tunnel.lost)
      const where = `port ${tunnel.port}`
      const taken =
        tunnel.port === registry.port || isOwnPort(server, registry.port, served)
          ? []
          : [
              warning(
                "tunnel",
                `port ${registry.port} is taken on ${server.name}; deploys will use another one`,
                `To see what listens there: ss -ltnp 'sport = :${registry.port}'`
              )
            ]
      const exposed =
        seen.isPublic === true ? [warning("tunnel", `sshd exposes ${where} to other machines`, closed.remedy)] : []
      const problems = [...taken, ...exposed]
      const asked = seen.registry
      return [
        ...(problems.length > 0
          ? problems
          : [ok("tunnel", `${where} is open on 127.0.0.1${seen.isPublic === false ? " only" : ""}`)]),
        asked === undefined
          ? skipped("the server has no program to test it with", "registry")
          : asked.answers
            ? ok("registry", `${asked.program} reaches it through the tunnel`)
            : failed("registry", {
                message: `${asked.program} cannot reach the registry through the tunnel${seen.detail === "" ? "" : `: ${seen.detail}`}`,
                remedy:
                  "Check that the engine uses no proxy for localhost (NO_PROXY=localhost,127.0.0.1), and that it shares the server's network."
              })
      ].flat()
    })
    const checks = yield* catchAsCheck(server.name, "tunnel", open, (check): ReadonlyArray<Check> => [
      check,
      ...skipped("the tunnel failed", "registry")
    ])
    return { checks }
  }),
  { result: CheckResult }
)
