// oxlint-disable-next-line typescript/triple-slash-reference -- programs that import jiji do not use its tsconfig
/// <reference path="./core/scripts.d.ts" />
/** The API for pipeline files: pipelines and steps, the steps of `jiji deploy`, and the services that they use. */
export * as Pipeline from "./pipeline/Pipeline.ts"
export * as Resource from "./core/Resource.ts"
export * as Step from "./pipeline/Step.ts"
export * as Strategy from "./pipeline/Strategy.ts"
export * as Artifact from "./core/Artifact.ts"
export * as Event from "./core/Event.ts"
export { CurrentPath, CurrentRun, Events } from "./core/Events.ts"
export { ExitCode, type Failure, isFailure } from "./core/Failure.ts"
export { IsDryRun } from "./core/IsDryRun.ts"
export { CurrentStepCache, memoryCache, type StepCache, UseStepCache } from "./core/StepCache.ts"
export { Scrubber } from "./core/Scrubber.ts"

export * as Audit from "./steps/Audit.ts"
export * as Build from "./steps/Build.ts"
export * as Connect from "./steps/Connect.ts"
export * as Deploy from "./steps/Deploy.ts"
export * as Exec from "./steps/exec/Exec.ts"
export * as Lock from "./steps/Lock.ts"
export * as Login from "./steps/Login.ts"
export * as Network from "./steps/Network.ts"
export * as Plan from "./steps/Plan.ts"
export * as Proxy from "./steps/Proxy.ts"
export * as ProxyImage from "./steps/ProxyImage.ts"
export * as Pull from "./steps/Pull.ts"
export * as Push from "./steps/Push.ts"
export * as RemoveService from "./steps/RemoveService.ts"
export * as Release from "./steps/Release.ts"
export * as Releases from "./steps/Releases.ts"
export * as ResolveSecrets from "./steps/ResolveSecrets.ts"
export * as Route from "./steps/Route.ts"
export * as Runnable from "./steps/Runnable.ts"
export * as Serve from "./steps/ServeRegistry.ts"
export * as Trigger from "./steps/Trigger.ts"
export * as Tunnel from "./steps/Tunnel.ts"
export * as Version from "./steps/Version.ts"
export { type ControlInput, restart, start, stop } from "./steps/ControlPipelines.ts"
export { deploy, type DeployInput } from "./steps/DeployPipeline.ts"
export { deployAndRemoveOrphans } from "./steps/RemoveOrphans.ts"
export { audit, type AuditInput } from "./steps/AuditPipeline.ts"
export { lock, type LockProjectInput, locks, type ServerLock, unlock, type UnlockInput } from "./steps/LockPipeline.ts"
export { remove, type RemoveInput } from "./steps/RemovePipeline.ts"
export { rollback, type RollbackInput } from "./steps/RollbackPipeline.ts"
export { type Origin, why, type WhyInput } from "./steps/WhyPipeline.ts"
export { versions, type ServerVersions, type VersionsInput } from "./steps/VersionsPipeline.ts"
export { exec, type ExecInput, type Exited } from "./steps/ExecPipeline.ts"
export { serverExec, type ServerExecInput } from "./steps/ServerExecPipeline.ts"
export {
  DistributionUnknown,
  EngineSettingsUnreadable,
  RootNeeded,
  serverNeeds,
  type ServerNeeds,
  ServiceManagerMissing,
  serverSetup,
  SetupFailed,
  type SetupInput
} from "./steps/ServerSetupPipeline.ts"
export { type LogLine, logs, type LogsInput, type LogsQuery } from "./steps/LogsPipeline.ts"
export * as Logs from "./steps/logs/ReadLogs.ts"
export * as Look from "./steps/ps/Look.ts"
export { plan, type PlannedAction, type PlanReport, type ServerPlan } from "./steps/PlanPipeline.ts"
export { maintenance, type MaintenanceInput } from "./steps/MaintenancePipeline.ts"
export { prune, type Pruned, type PruneInput } from "./steps/PrunePipeline.ts"
export { type ContainerStatus, ps, type PsInput, type ServerStatus, type ServiceStatus } from "./steps/PsPipeline.ts"

export * as Command from "./layers/processes/Command.ts"
export { Docker } from "./layers/docker/Docker.ts"
export { Git } from "./layers/git/Git.ts"
export { LocalRegistry } from "./layers/registry/LocalRegistry.ts"
export * as Machine from "./layers/shell/Machine.ts"
export { Secrets } from "./layers/secrets/Secrets.ts"
export { ServerProxy } from "./layers/proxy/ServerProxy.ts"
export type { Session } from "./layers/shell/session/runGuarded.ts"
export { Shell } from "./layers/shell/Shell.ts"
export { Ssh } from "./layers/ssh/Ssh.ts"

export { load, type LoadOptions } from "./config/load.ts"
export type * from "./config/Project.ts"
export { select } from "./config/select.ts"
