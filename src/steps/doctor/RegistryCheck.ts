import { Effect, Result } from "effect"
import { ofService, print } from "../../config/ImageReference.ts"
import type { Engine, Project, RemoteRegistryConfig, Server } from "../../config/Project.ts"
import { Diagnosis, type MachineFacts } from "../../layers/diagnosis/Diagnosis.ts"
import { type Machine, remote } from "../../layers/shell/Machine.ts"
import * as Step from "../../pipeline/Step.ts"
import { credentialsOf } from "../Credentials.ts"
import { builderOf } from "../builder.ts"
import { builderIn, catchAsCheck, type Check, CheckResult, thisMachine, checksFor, isServerBuilder } from "./Check.ts"

const noLogin = "Set `username` and `password` under `builder.registry`, or log in with your engine before a deploy."

/** Checks whether a remote registry answers a machine's engine, and accepts the project's credentials. */
const checkRegistry = Effect.fnUntraced(function* (
  machine: Machine,
  engine: Engine,
  project: Project,
  registry: RemoteRegistryConfig
) {
  const name = machine._tag === "Local" ? thisMachine : machine.server.name
  const { ok, warning } = checksFor(name)
  const diagnosis = yield* Diagnosis
  const { server } = registry
  const asked = Effect.gen(function* () {
    const credentials = yield* credentialsOf(registry)
    if (credentials !== undefined) {
      yield* diagnosis.checkLogin(machine, engine, credentials)
      return ok("registry", `${server} accepts the login of ${credentials.username}`)
    }
    const [service] = project.services
    const named = Result.map(ofService(registry, project.name, service?.name ?? "web"), print)
    // An invalid name is reported when deploy.yml is loaded.
    const asksFor = Result.getOrElse(named, () => `${server}/jiji/doctor`)
    const answer = yield* diagnosis.checkRegistry(machine, engine, asksFor)
    return answer === "reachable"
      ? ok("registry", `${server} answers`)
      : warning("registry", `${server} answers, but requires a login and none is configured`, noLogin)
  })
  return yield* catchAsCheck(name, "registry", asked, (check): Check => check)
})

/** Checks the remote registry from the machine that builds, unless the check from a server does that. */
export const step = Step.make(
  "registry",
  Effect.fnUntraced(function* ({ looked, project }: { readonly project: Project; readonly looked?: MachineFacts }) {
    if (project.registry.type === "local" || isServerBuilder(project)) return { checks: [] }
    if (looked?.engine === undefined)
      return { checks: checksFor(builderIn(project)).skipped("the engine is not running", "registry") }
    return { checks: [yield* checkRegistry(builderOf(project), project.engine, project, project.registry)] }
  }),
  { result: CheckResult }
)

/** Checks the remote registry from a server. */
export const fromServer = Step.make(
  "registry",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly server: Server
    readonly connected?: true
    readonly found?: MachineFacts
  }) {
    const { connected, found, project, server } = state
    if (project.registry.type === "local" || connected === undefined) return { checks: [] }
    if (found?.engine === undefined)
      return { checks: checksFor(server.name).skipped("the engine is not running", "registry") }
    return { checks: [yield* checkRegistry(remote(server), found.engine.name, project, project.registry)] }
  }),
  { result: CheckResult }
)
