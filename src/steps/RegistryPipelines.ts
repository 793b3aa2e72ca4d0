import type { Project, RemoteRegistryConfig } from "../config/Project.ts"
import type { Credentials } from "../layers/docker/Docker.ts"
import { label, type Machine } from "../layers/shell/Machine.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Credential from "./Credentials.ts"
import * as Login from "./registry/MachineLogin.ts"
import * as Logout from "./registry/MachineLogout.ts"

/** The input of `jiji registry login` and `logout`. */
export interface RegistryInput {
  readonly project: Project
  readonly registry: RemoteRegistryConfig
  readonly machines: ReadonlyArray<Machine>
}

type OnMachine = RegistryInput & { readonly machine: Machine }

/** What `jiji registry login` runs, on all machines at the same time. One that fails does not stop the others. */
export const login = Pipeline.make<RegistryInput>("registry login").pipe(
  Pipeline.step(Credential.step),
  Pipeline.forEach({
    name: "machines",
    as: "machine",
    items: ({ machines }: RegistryInput) => machines,
    key: label,
    body: Pipeline.make<OnMachine & { readonly credentials: Credentials }>("machine").pipe(Pipeline.step(Login.step))
  })
)

/** What `jiji registry logout` runs. It needs no credentials. */
export const logout = Pipeline.make<RegistryInput>("registry logout").pipe(
  Pipeline.forEach({
    name: "machines",
    as: "machine",
    items: ({ machines }: RegistryInput) => machines,
    key: label,
    body: Pipeline.make<OnMachine>("machine").pipe(Pipeline.step(Logout.step))
  })
)
