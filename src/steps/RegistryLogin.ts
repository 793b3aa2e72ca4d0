import { Effect } from "effect"
import type { Project, RemoteRegistryConfig } from "../config/Project.ts"
import { type Credentials, Docker } from "../layers/Docker.ts"
import { label, type Machine } from "../layers/Machine.ts"
import { Ssh } from "../layers/Ssh.ts"
import { Events } from "../pipeline/Events.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import * as Credential from "./Credentials.ts"

/** What `jiji registry login` and `logout` begin with: the registry, and the machines that are meant. */
export interface RegistryInput {
  readonly project: Project
  readonly registry: RemoteRegistryConfig
  readonly machines: ReadonlyArray<Machine>
}

/** The engine of a machine: the project's own here, the one that is found there. */
const engineOf = Effect.fnUntraced(function* (project: Project, machine: Machine) {
  if (machine._tag === "Local") return project.engine
  yield* (yield* Ssh).connect(machine.server)
  return (yield* (yield* Docker).probe(machine.server, project.engine, project.name)).name
})

/** Logs the engine of a machine in to the registry, until it is logged out. */
export const loginStep = Step.make(
  "login",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly machine: Machine
    readonly credentials: Credentials
  }) {
    const { credentials, machine, project } = state
    const engine = yield* engineOf(project, machine)
    yield* (yield* Docker).login(machine, engine, credentials)
    yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text: engine })
  })
)

/** Logs the engine of a machine out of the registry. One that is not logged in has nothing to do. */
export const logoutStep = Step.make(
  "logout",
  Effect.fnUntraced(function* (state: {
    readonly project: Project
    readonly registry: RemoteRegistryConfig
    readonly machine: Machine
  }) {
    const { machine, project, registry } = state
    const engine = yield* engineOf(project, machine)
    const was = yield* (yield* Docker).logout(machine, engine, registry.server)
    if (!was) return Step.skip(`${engine} is not logged in`)
    return yield* (yield* Events).publish({ _tag: "StepNoted", level: "info", text: engine })
  })
)

type OnMachine = RegistryInput & { readonly machine: Machine }

/** What `jiji registry login` runs: the machines at the same time, each whatever becomes of the others. */
export const login = Pipeline.make<RegistryInput>("registry login").pipe(
  Pipeline.step(Credential.step),
  Pipeline.forEach({
    name: "machines",
    as: "machine",
    items: ({ machines }: RegistryInput) => machines,
    key: label,
    body: Pipeline.make<OnMachine & { readonly credentials: Credentials }>("machine").pipe(Pipeline.step(loginStep))
  })
)

/** What `jiji registry logout` runs. It needs no credentials. */
export const logout = Pipeline.make<RegistryInput>("registry logout").pipe(
  Pipeline.forEach({
    name: "machines",
    as: "machine",
    items: ({ machines }: RegistryInput) => machines,
    key: label,
    body: Pipeline.make<OnMachine>("machine").pipe(Pipeline.step(logoutStep))
  })
)
