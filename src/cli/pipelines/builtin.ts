import type { Node } from "../../pipeline/Node.ts"
import { deploy } from "../../steps/DeployPipeline.ts"
import { doctor } from "../../steps/DoctorPipeline.ts"
import { remove } from "../../steps/RemovePipeline.ts"
import { logs } from "../../steps/LogsPipeline.ts"
import { ps } from "../../steps/PsPipeline.ts"
import { rollback } from "../../steps/RollbackPipeline.ts"
import { versions } from "../../steps/VersionsPipeline.ts"
import { why } from "../../steps/WhyPipeline.ts"
import { login, logout } from "../../steps/RegistryPipelines.ts"

/** What the built-in pipelines do, for `jiji list` and for the help of their commands. */
export const descriptions = {
  deploy: "Build, ship and start the project's containers on its servers",
  doctor: "Check that this machine and the servers are ready for a deploy",
  logs: "Print the logs of services on all servers, merged by time",
  ps: "Show what runs on the servers, and what differs from deploy.yml",
  login: "Log in to the registry on this machine and on the servers",
  logout: "Log out of the registry on this machine and on the servers",
  remove: "Stop and remove services' containers and images on the servers",
  rollback: "Go back to a version that ran before, without building or a registry",
  versions: "List the versions that the servers can go back to",
  why: "Show where a running service comes from: run, commit, person, and what changed"
} as const

interface BuiltinPipeline {
  readonly pipeline: { readonly name: string; readonly nodes: ReadonlyArray<Node> }
  readonly description: string
}

/** The built-in pipelines, by the command that runs each. */
export const builtinPipelines: ReadonlyMap<string, BuiltinPipeline> = new Map([
  ["deploy", { pipeline: deploy, description: descriptions.deploy }],
  ["doctor", { pipeline: doctor, description: descriptions.doctor }],
  ["logs", { pipeline: logs, description: descriptions.logs }],
  ["ps", { pipeline: ps, description: descriptions.ps }],
  ["registry login", { pipeline: login, description: descriptions.login }],
  ["remove", { pipeline: remove, description: descriptions.remove }],
  ["registry logout", { pipeline: logout, description: descriptions.logout }],
  ["rollback", { pipeline: rollback, description: descriptions.rollback }],
  ["versions", { pipeline: versions, description: descriptions.versions }],
  ["why", { pipeline: why, description: descriptions.why }]
])
