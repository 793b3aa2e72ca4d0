import type { Node } from "../../pipeline/Node.ts"
import { audit } from "../../steps/AuditPipeline.ts"
import { deploy } from "../../steps/DeployPipeline.ts"
import { doctor } from "../../steps/DoctorPipeline.ts"
import { lock, unlock } from "../../steps/LockPipeline.ts"
import { remove } from "../../steps/RemovePipeline.ts"
import { logs } from "../../steps/LogsPipeline.ts"
import { ps } from "../../steps/PsPipeline.ts"
import { login, logout } from "../../steps/RegistryPipelines.ts"

/** What the built-in pipelines do, for `jiji list` and for the help of their commands. */
export const descriptions = {
  audit: "Show who changed what on the servers, when, and with which outcome",
  deploy: "Build, ship and start the project's containers on its servers",
  doctor: "Check that this machine and the servers are ready for a deploy",
  lock: "Lock the project on its servers, so that nobody deploys",
  logs: "Print the logs of services on all servers, merged by time",
  ps: "Show what runs on the servers, and what differs from deploy.yml",
  login: "Log in to the registry on this machine and on the servers",
  logout: "Log out of the registry on this machine and on the servers",
  remove: "Stop and remove services' containers and images on the servers",
  unlock: "End a lock of the project"
} as const

interface BuiltinPipeline {
  readonly pipeline: { readonly name: string; readonly nodes: ReadonlyArray<Node> }
  readonly description: string
}

/** The built-in pipelines, by the command that runs each. */
export const builtinPipelines: ReadonlyMap<string, BuiltinPipeline> = new Map([
  ["audit", { pipeline: audit, description: descriptions.audit }],
  ["deploy", { pipeline: deploy, description: descriptions.deploy }],
  ["doctor", { pipeline: doctor, description: descriptions.doctor }],
  ["lock", { pipeline: lock, description: descriptions.lock }],
  ["logs", { pipeline: logs, description: descriptions.logs }],
  ["ps", { pipeline: ps, description: descriptions.ps }],
  ["registry login", { pipeline: login, description: descriptions.login }],
  ["remove", { pipeline: remove, description: descriptions.remove }],
  ["registry logout", { pipeline: logout, description: descriptions.logout }],
  ["unlock", { pipeline: unlock, description: descriptions.unlock }]
])
