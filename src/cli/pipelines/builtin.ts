import type { Node } from "../../pipeline/Node.ts"
import { deploy } from "../../steps/DeployPipeline.ts"
import { doctor } from "../../steps/DoctorPipeline.ts"
import { login, logout } from "../../steps/RegistryPipelines.ts"

interface Own {
  readonly pipeline: { readonly name: string; readonly nodes: ReadonlyArray<Node> }
  readonly text: string
}

/** jiji's own pipelines, by the command that runs each. */
export const own: ReadonlyMap<string, Own> = new Map([
  ["deploy", { pipeline: deploy, text: "Build, ship and start the project's containers on its servers" }],
  ["doctor", { pipeline: doctor, text: "Look at this machine and the servers for what a deploy needs" }],
  ["registry login", { pipeline: login, text: "Log this machine and the servers in to the project's registry" }],
  ["registry logout", { pipeline: logout, text: "Log this machine and the servers out of the project's registry" }]
])
