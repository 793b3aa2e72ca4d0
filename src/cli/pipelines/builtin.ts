import type { Node } from "../../pipeline/Node.ts"
import { audit } from "../../steps/AuditPipeline.ts"
import { restart, start, stop } from "../../steps/ControlPipelines.ts"
import { deploy } from "../../steps/DeployPipeline.ts"
import { doctor } from "../../steps/DoctorPipeline.ts"
import { exec } from "../../steps/ExecPipeline.ts"
import { lock, unlock } from "../../steps/LockPipeline.ts"
import { logs } from "../../steps/LogsPipeline.ts"
import { maintenance } from "../../steps/MaintenancePipeline.ts"
import { plan } from "../../steps/PlanPipeline.ts"
import { prune } from "../../steps/PrunePipeline.ts"
import { ps } from "../../steps/PsPipeline.ts"
import { login, logout } from "../../steps/RegistryPipelines.ts"
import { remove } from "../../steps/RemovePipeline.ts"
import { rollback } from "../../steps/RollbackPipeline.ts"
import { serverExec } from "../../steps/ServerExecPipeline.ts"
import { serverSetup } from "../../steps/ServerSetupPipeline.ts"
import { versions } from "../../steps/VersionsPipeline.ts"
import { why } from "../../steps/WhyPipeline.ts"

/** What the built-in pipelines do, for `jiji list` and for the help of their commands. */
export const descriptions = {
  audit: "Show who changed what on the servers, when, and with which outcome",
  deploy: "Build, ship and start the project's containers on its servers",
  doctor: "Check that this machine and the servers are ready for a deploy",
  exec: "Run a command in a running container of a service, or in a new one",
  lock: "Lock the project on its servers, so that nobody deploys",
  login: "Log in to the registry on this machine and on the servers",
  logout: "Log out of the registry on this machine and on the servers",
  logs: "Print the logs of services on all servers, merged by time",
  maintenance: "Turn maintenance mode on or off: the proxy answers 503 instead of the services",
  plan: "Show what a deploy would do, and why, without doing it",
  prune: "Remove the project's old images, and what interrupted deploys left on the servers",
  ps: "Show what runs on the servers, what differs from deploy.yml, and who holds the lock",
  remove: "Stop and remove services' containers and images on the servers",
  restart: "Restart services' containers as they are, replica by replica",
  rollback: "Go back to a version that ran before, without building or a registry",
  serverExec: "Run a command on a server, or on several",
  setup: "Install the container engine on the servers, and let it start at boot",
  start: "Start services' stopped containers as they are",
  stop: "Stop services' containers, after their requests have ended",
  unlock: "Unlock the project; ask before ending another person's lock",
  versions: "List the versions that the servers can go back to",
  why: "Show where a running service comes from: run, commit, person, and what changed"
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
  ["exec", { pipeline: exec, description: descriptions.exec }],
  ["lock", { pipeline: lock, description: descriptions.lock }],
  ["logs", { pipeline: logs, description: descriptions.logs }],
  ["maintenance", { pipeline: maintenance, description: descriptions.maintenance }],
  ["plan", { pipeline: plan, description: descriptions.plan }],
  ["prune", { pipeline: prune, description: descriptions.prune }],
  ["ps", { pipeline: ps, description: descriptions.ps }],
  ["registry login", { pipeline: login, description: descriptions.login }],
  ["registry logout", { pipeline: logout, description: descriptions.logout }],
  ["remove", { pipeline: remove, description: descriptions.remove }],
  ["restart", { pipeline: restart, description: descriptions.restart }],
  ["rollback", { pipeline: rollback, description: descriptions.rollback }],
  ["server exec", { pipeline: serverExec, description: descriptions.serverExec }],
  ["server setup", { pipeline: serverSetup, description: descriptions.setup }],
  ["start", { pipeline: start, description: descriptions.start }],
  ["stop", { pipeline: stop, description: descriptions.stop }],
  ["unlock", { pipeline: unlock, description: descriptions.unlock }],
  ["versions", { pipeline: versions, description: descriptions.versions }],
  ["why", { pipeline: why, description: descriptions.why }]
])
