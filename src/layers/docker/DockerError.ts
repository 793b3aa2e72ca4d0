import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"
import { lastLines, reasonFrom } from "../../core/lines.ts"
import type { Output } from "../processes/Command.ts"
import { on } from "../processes/machineText.ts"
import { localName } from "../processes/Processes.ts"
import { parseRegistryError } from "./parseRegistryError.ts"
import { RegistryFull, type RemoteRegistryError } from "./RemoteRegistryError.ts"
import { withoutProgress } from "./withoutProgress.ts"

const where = { machine: Schema.String, engine: Schema.String }
const detail = Schema.String

// Shared by the samples.
const engine = { machine: "web1", engine: "docker" }

/** The container engine is not installed. */
export class EngineMissing extends defineError<EngineMissing>()("EngineMissing", {
  fields: where,
  message: (e) => `${e.engine} is not installed ${on(e.machine)}.`,
  remedy: (e) =>
    e.machine === localName
      ? `Install ${e.engine} ${on(e.machine)}, or set \`builder.engine\` to an engine that is installed there.`
      : `Install ${e.engine} ${on(e.machine)}: \`jiji server setup -H ${e.machine}\` does it.`,
  exitCode: "unavailable",
  sample: engine
}) {}

/** The engine is installed, but does not answer. */
export class EngineDown extends defineError<EngineDown>()("EngineDown", {
  fields: { ...where, detail },
  message: (e) => `${e.engine} does not answer ${on(e.machine)}: ${e.detail}`,
  remedy: (e) => `Start it ${on(e.machine)}, for example with \`systemctl start ${e.engine}\`.`,
  exitCode: "unavailable",
  sample: { ...engine, detail: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock." }
}) {}

/** The engine stopped or restarted during an operation. */
export class EngineRestarted extends defineError<EngineRestarted>()("EngineRestarted", {
  fields: { ...where, operation: Schema.String, detail },
  message: (e) => `${e.engine} stopped or restarted ${on(e.machine)} when it had to ${e.operation}: ${e.detail}`,
  remedy: (e) =>
    `Deploy again when ${e.engine} runs. To see why it stopped, use \`journalctl -u ${e.engine}\` ${on(e.machine)}.`,
  exitCode: "unavailable",
  sample: { ...engine, operation: "pull nginx:1.27", detail: "unexpected EOF" }
}) {}

/** The user may not use the engine's socket. */
export class EngineForbidden extends defineError<EngineForbidden>()("EngineForbidden", {
  fields: { ...where, detail },
  message: (e) => `The user may not use ${e.engine} ${on(e.machine)}: ${e.detail}`,
  remedy: (e) =>
    `Add the user to the group of the engine's socket (\`sudo usermod -aG ${e.engine} USER\`, then log in again), or use another user.`,
  exitCode: "permission",
  sample: { ...engine, detail: "permission denied while trying to connect to the docker API" }
}) {}

/** A disk is full. */
export class DiskFull extends defineError<DiskFull>()("DiskFull", {
  fields: { ...where, detail },
  message: (e) => `The disk is full ${on(e.machine)}: ${e.detail}`,
  remedy: (e) =>
    `Free up space ${on(e.machine)}: \`${e.engine} system df\` shows what the engine uses, and \`${e.engine} image prune\` removes unused images.`,
  exitCode: "failed",
  sample: { ...engine, detail: "write /var/lib/docker/tmp: no space left on device" }
}) {}

const isLoginNeeded = /pull access denied|authorization failed|unauthorized|no basic auth credentials/i

/** What buildx prints if its builder cannot write a cache. */
const isCacheRefused =
  /cache export is not supported for the docker driver|cache export feature is currently not supported/i

/** What a program for another processor causes. */
const isForeign = /exec format error/i

/** The build of an image failed. */
export class BuildFailed extends defineError<BuildFailed>()("BuildFailed", {
  fields: {
    service: Schema.String,
    /** The machine that builds. Absent for this machine. */
    machine: Schema.optionalKey(Schema.String),
    code: Schema.Int,
    log: Schema.String
  },
  message: (e) =>
    `The image of ${e.service} failed to build${e.machine === undefined ? "" : ` ${on(e.machine)}`} (exit code ${e.code}):\n${e.log}`,
  remedy: (e) => {
    if (isLoginNeeded.test(e.log) && e.machine !== undefined) {
      return `A private base image needs a login ${on(e.machine)}: use \`docker login\` there, or \`jiji registry login\` for the project's registry.`
    }
    if (isLoginNeeded.test(e.log)) {
      return "A private base image needs a login on this machine: use `docker login`, or `jiji registry login --skip-remote` for the project's registry."
    }
    if (isCacheRefused.test(e.log)) {
      return "Docker's default builder writes a cache only into the image (`cache_to: [type=inline]`). Create one that can do more with `docker buildx create --use`, or turn on docker's containerd image store."
    }
    if (isForeign.test(e.log)) {
      return `${e.machine ?? "This machine"} cannot run programs for the other platform. Install emulation for it there (\`apt-get install qemu-user-static\` on Debian and Ubuntu), or run the step on the builder's own platform with \`FROM --platform=$BUILDPLATFORM\`.`
    }
    return "Fix the error shown above, in the Dockerfile or in the code that it builds."
  },
  exitCode: "failed",
  sample: [
    { service: "web", code: 1, log: "Step 4/9 : RUN npm ci\nnpm error code E404" },
    { service: "web", machine: "web1", code: 1, log: "pull access denied for acme/base" }
  ]
}) {}

/** An image is built for a different architecture from the server's. */
export class ArchitectureMismatch extends defineError<ArchitectureMismatch>()("ArchitectureMismatch", {
  fields: {
    server: Schema.String,
    service: Schema.String,
    image: Schema.String,
    needed: Schema.String,
    /** Whether `build.platforms` says what to build for. */
    hasPlatforms: Schema.optionalKey(Schema.Boolean)
  },
  message: (e) => `The image of ${e.service} is built for ${e.image}, but ${e.server} is ${e.needed}.`,
  remedy: (e) =>
    e.hasPlatforms === true
      ? `Add linux/${e.needed} to \`build.platforms\` of ${e.service}.`
      : `Set \`arch: ${e.needed}\` for ${e.server} in deploy.yml to build the image for it.`,
  exitCode: "failed",
  sample: [
    { server: "web1", service: "web", image: "arm64", needed: "amd64" },
    { server: "web1", service: "web", image: "amd64 and arm64", needed: "riscv64", hasPlatforms: true }
  ]
}) {}

/** What became of the old container. Errors that older versions recorded do not say. */
const keepsOld = Schema.optionalKey(Schema.Boolean)

const fateOfOld = ({ keepsOld, server, service }: { keepsOld?: boolean; server: string; service: string }): string => {
  if (keepsOld === undefined) return "; the old one, if any, keeps running."
  return keepsOld ? "; the old one keeps running." : `. No container of ${service} runs on ${server} now.`
}

/** The HEALTHCHECK of an image, in seconds, and what it printed last. */
const HealthCheck = Schema.Struct({
  output: Schema.String,
  interval: Schema.Finite,
  startPeriod: Schema.Finite,
  retries: Schema.Finite
})

/** What the proxy got when it asked a container: a status with the first bytes of the body, or why there is none. */
const Answer = Schema.Struct({
  status: Schema.optionalKey(Schema.Int),
  body: Schema.optionalKey(Schema.String),
  error: Schema.optionalKey(Schema.String)
})

const answerText = ({ body = "", error, status }: typeof Answer.Type): string => {
  if (status === undefined) return ` The proxy reports: ${error ?? "no answer"}\n`
  return body === "" ? "" : ` Its answer begins with:\n${body}\n`
}

const fixIt = "Fix the error shown above."

/** What helps a container whose image has a HEALTHCHECK, which can contradict `health.timeout`. */
const healthCheckRemedy = (
  reason: string,
  { interval, retries, startPeriod }: typeof HealthCheck.Type,
  timeout: number
): string => {
  const failing = startPeriod + interval * retries
  if (reason === "is unhealthy") {
    return `Fix what the health check reports. If the container only needs more time to start, give its HEALTHCHECK a longer \`--start-period\` (now ${startPeriod} s): the engine calls it unhealthy after ${retries} failed checks, one every ${interval} s, whatever \`health.timeout\` is.`
  }
  if (!reason.startsWith("was not healthy")) return fixIt
  if (interval >= timeout) {
    return `The first health check runs after the interval of ${interval} s, but jiji waits ${timeout} s. Shorten the \`--interval\` of the HEALTHCHECK, or raise the service's \`health.timeout\` above ${interval} s.`
  }
  if (failing > timeout) {
    return `Fix what the health check reports. If the container only needs more time, raise the service's \`health.timeout\` (now ${timeout} s): the HEALTHCHECK allows ${failing} s (a start period of ${startPeriod} s, then ${retries} checks, one every ${interval} s).`
  }
  return `${fixIt} If the container only needs more time, raise the service's \`health.timeout\`.`
}

/** The new container did not become healthy. */
export class ContainerUnhealthy extends defineError<ContainerUnhealthy>()("ContainerUnhealthy", {
  fields: {
    server: Schema.String,
    service: Schema.String,
    reason: Schema.String,
    log: Schema.String,
    keepsOld,
    /** `health.timeout`, in seconds. */
    timeout: Schema.optionalKey(Schema.Finite),
    check: Schema.optionalKey(HealthCheck),
    /** What it answered to `health.path`. */
    answer: Schema.optionalKey(Answer)
  },
  message: (e) => {
    const reported = (e.check?.output ?? "") === "" ? "" : ` Its health check reports:\n${e.check?.output}\n`
    const checked = e.answer === undefined ? reported : answerText(e.answer)
    const logged = e.log.trim() === "" ? "The new container's log is empty." : `Last log lines:\n${e.log}`
    const fate = fateOfOld(e)
    return `The new container of ${e.service} on ${e.server} ${e.reason}${fate}${checked === "" ? " " : checked}${logged}`
  },
  remedy: (e) => {
    if (e.reason.startsWith("accepts no connections")) {
      return "Correct the container's port in `ports:`, or let the service listen there on all addresses (0.0.0.0), not only on 127.0.0.1. jiji looks for a listening socket in the container's network namespace (/proc/PID/net/tcp). If the service only starts slowly, raise `health.timeout`."
    }
    if (e.answer?.status !== undefined) {
      return "Fix what the service answers. If it only needs more time, raise `health.timeout`. If the answer is right, correct `health.path` or `health.status`."
    }
    if (e.answer !== undefined) {
      return "Correct `proxy.port`, or let the service listen on all addresses (0.0.0.0). A firewall on the server may also keep the proxy from reaching containers."
    }
    if (e.check !== undefined) return healthCheckRemedy(e.reason, e.check, e.timeout ?? 0)
    return /^(stopped|crashed)/.test(e.reason)
      ? fixIt
      : `${fixIt} If the container only needs more time, raise the service's \`health.timeout\`.`
  },
  exitCode: "failed",
  sample: [
    {
      server: "web1",
      service: "web",
      reason: "stopped with exit code 1",
      log: "DATABASE_URL: connection refused",
      keepsOld: true
    },
    {
      server: "web1",
      service: "web",
      reason: "is unhealthy",
      log: "",
      keepsOld: true,
      timeout: 60,
      check: { output: "wget: server returned error: HTTP/1.1 503", interval: 30, startPeriod: 0, retries: 3 }
    },
    {
      server: "web1",
      service: "web",
      reason: "accepts no connections on port 80 after 60 s; it listens on 81",
      log: "",
      keepsOld: false
    },
    {
      server: "web1",
      service: "web",
      reason: "answers GET /up with 503 after 60 s",
      log: "",
      keepsOld: true,
      timeout: 60,
      answer: { status: 503, body: "no database" }
    },
    {
      server: "web1",
      service: "web",
      reason: "does not answer the proxy on port 3000 after 60 s",
      log: "",
      keepsOld: true,
      timeout: 60,
      answer: { error: "can't connect to remote host (172.19.0.5): Connection refused" }
    }
  ]
}) {}

/** The proxy's container does not do what moves requests to the new container. */
export class NotSwitched extends defineError<NotSwitched>()("NotSwitched", {
  fields: { server: Schema.String, service: Schema.String, detail, keepsOld },
  message: (e) =>
    `The proxy on ${e.server} cannot send requests to the new container of ${e.service}: ${e.detail}${fateOfOld(e)}`,
  remedy: "Check that the container jiji-proxy runs on the server and that its disk is not full. Then deploy again.",
  exitCode: "failed",
  sample: {
    server: "web1",
    service: "web",
    detail: "Error response from daemon: No such container: jiji-proxy",
    keepsOld: true
  }
}) {}

/** What docker and podman print if they cannot connect a container to their network. */
const engineNetwork =
  /failed to create endpoint|could not find bridge|failed to set up container networking|netavark|aardvark/i

/** What docker and podman print if the server cannot give a container its GPUs. */
const noGpu = /CDI devices? .*nvidia\.com\/gpu|device driver .*gpu/i

const startRemedy = (detail: string): string => {
  if (engineNetwork.test(detail)) {
    return "The engine's network is broken on the server. Restart the engine there, then deploy again."
  }
  return noGpu.test(detail)
    ? "Install NVIDIA's driver and Container Toolkit on the server. For podman, also write their CDI specification: `sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`. Without GPUs there, remove `gpus` from deploy.yml."
    : "Fix the image's ENTRYPOINT or CMD, or what deploy.yml sets for the container, such as `command`, `volumes`, `user` or `devices`."
}

/** The engine cannot start the new container. */
export class ContainerNotStarted extends defineError<ContainerNotStarted>()("ContainerNotStarted", {
  fields: { server: Schema.String, service: Schema.String, detail, keepsOld },
  message: (e) => `The new container of ${e.service} on ${e.server} cannot start: ${e.detail}${fateOfOld(e)}`,
  remedy: (e) => startRemedy(e.detail),
  exitCode: "failed",
  sample: [
    {
      server: "web1",
      service: "web",
      detail: 'exec: "/nope": stat /nope: no such file or directory',
      keepsOld: true
    },
    {
      server: "web1",
      service: "web",
      detail: "failed to create endpoint shop-web on network bridge: could not find bridge docker0",
      keepsOld: true
    },
    {
      server: "web1",
      service: "web",
      detail: 'could not select device driver "" with capabilities: [[gpu]]',
      keepsOld: true
    }
  ]
}) {}

/** Another program uses a port that the service publishes on the server. */
export class PortTaken extends defineError<PortTaken>()("PortTaken", {
  fields: { server: Schema.String, service: Schema.String, detail },
  message: (e) => `A port that ${e.service} publishes on ${e.server} is already in use: ${e.detail}`,
  remedy: "Stop the program that uses the port (`ss -ltnp` shows it), or publish another port under `ports:`.",
  exitCode: "failed",
  sample: { server: "web1", service: "web", detail: "Bind for 0.0.0.0:8080 failed: port is already allocated" }
}) {}

/** A container that does not belong to the project has the name that jiji needs. */
export class ContainerForeign extends defineError<ContainerForeign>()("ContainerForeign", {
  fields: { server: Schema.String, engine: Schema.String, name: Schema.String },
  message: (e) => `The container ${e.name} on ${e.server} does not belong to this project or service.`,
  remedy: (e) => `Rename it (\`${e.engine} rename ${e.name} NEW_NAME\`) or remove it, then deploy again.`,
  exitCode: "failed",
  sample: { server: "web1", engine: "docker", name: "shop-web" }
}) {}

/** Another deploy has been replacing the same container for too long. */
export class ContainerBusy extends defineError<ContainerBusy>()("ContainerBusy", {
  fields: { server: Schema.String, name: Schema.String, holder: Schema.String },
  message: (e) =>
    `Another deploy is still replacing ${e.name} on ${e.server} after 10 minutes${e.holder === "" ? "" : `: ${e.holder}`}.`,
  remedy: "Wait until it ends, or stop it with Ctrl-C where it runs. Then deploy again.",
  exitCode: "failed",
  sample: { server: "web1", name: "shop-web", holder: "run 4f1d by ann on laptop, since 2026-11-29 06:10:00 UTC" }
}) {}

/** The release command of a service failed, so no container of the service was replaced. */
export class ReleaseFailed extends defineError<ReleaseFailed>()("ReleaseFailed", {
  fields: { server: Schema.String, service: Schema.String, reason: Schema.String, log: Schema.String },
  message: (e) => {
    const logged = e.log.trim() === "" ? "It printed nothing." : `Its last lines:\n${e.log}`
    return `The release command of ${e.service} on ${e.server} ${e.reason}. No container of ${e.service} was replaced. ${logged}`
  },
  remedy: (e) => {
    if (e.reason.startsWith("cannot start")) return "Correct the service's `release.command` in deploy.yml."
    if (e.reason.startsWith("took longer")) {
      return "Check what it waits for. If it only needs more time, raise the service's `release.timeout`."
    }
    return e.reason.startsWith("ran out of memory")
      ? "Let the command use less memory, or give the service or the server more."
      : "Fix the error shown above, then deploy again: the command runs again."
  },
  exitCode: "failed",
  sample: [
    { server: "web1", service: "web", reason: "ended with exit code 1", log: "migration 42: column exists" },
    { server: "web1", service: "web", reason: "took longer than 300 s and was stopped", log: "" },
    { server: "web1", service: "web", reason: "ran out of memory", log: "" },
    {
      server: "web1",
      service: "web",
      reason: 'cannot start: exec: "bin/migrate": stat bin/migrate: no such file or directory',
      log: ""
    }
  ]
}) {}

/** Another deploy has been running the same release for too long. */
export class ReleaseBusy extends defineError<ReleaseBusy>()("ReleaseBusy", {
  fields: { server: Schema.String, service: Schema.String },
  message: (e) =>
    `Another deploy is still running the release command of ${e.service} on ${e.server} after 10 minutes. No container of ${e.service} was replaced.`,
  remedy: "Wait until it ends, or stop it with Ctrl-C where it runs. Then deploy again.",
  exitCode: "failed",
  sample: { server: "web1", service: "web" }
}) {}

/** The engine failed, and jiji does not recognize the error. */
export class EngineFailed extends defineError<EngineFailed>()("EngineFailed", {
  fields: { ...where, operation: Schema.String, code: Schema.Int, detail },
  message: (e) =>
    `${e.engine} failed to ${e.operation} ${on(e.machine)} (exit code ${e.code})${e.detail === "" ? ", and printed no reason." : `: ${e.detail}`}`,
  remedy: "Fix the error that the engine reports. To run its command by hand, print it with --dry-run.",
  exitCode: "failed",
  sample: { ...engine, operation: "start web", code: 125, detail: "OCI runtime create failed" }
}) {}

/** The engine printed something that jiji does not understand. */
export class EngineUnclear extends defineError<EngineUnclear>()("EngineUnclear", {
  fields: { ...where, operation: Schema.String, reason: Schema.Defect() },
  message: (e) => `Cannot ${e.operation} ${on(e.machine)}: jiji does not understand the output of ${e.engine}.`,
  remedy: "Check the engine's version: jiji works with docker 20.10 or later and podman 4.3 or later.",
  exitCode: "failed",
  sample: { ...engine, operation: "list containers", reason: "not JSON" }
}) {}

export type EngineError =
  | EngineMissing
  | EngineDown
  | EngineRestarted
  | EngineForbidden
  | DiskFull
  | RemoteRegistryError
  | EngineFailed
  | EngineUnclear

/** The last line of a build whose engine went away in the middle of it. */
const lostEngine =
  /^(?:ERROR: )?(?:unexpected EOF$|failed to receive status: rpc error: code = Unavailable|error during connect: .*\bEOF$)/i

/** Whether a build failed because the engine went away, and not because of a command in the Dockerfile. */
export const buildLostEngine = ({ stderr }: Output): boolean => lostEngine.test(lastLines(stderr, 1))

/**
 * Finds the error in an engine's output, by the messages that docker and podman are known to print. Messages about
 * registries count only if there is a reference.
 */
export const parseEngineError = (
  context: {
    readonly machine: string
    readonly engine: string
    readonly operation: string
    readonly reference?: string
    /** Whether the engine used no credentials from deploy.yml. */
    readonly isOwn?: boolean
    /** Whether the engine stopped or restarted in the meantime. */
    readonly hasRestarted?: boolean
  },
  output: Output
): EngineError => {
  const { machine, engine, hasRestarted = false, isOwn = false, operation, reference = "" } = context
  const [stderr, stdout] = [withoutProgress(output.stderr), withoutProgress(output.stdout)]
  const says = (pattern: RegExp) => (pattern.test(stderr) ? reasonFrom(stderr, pattern) : undefined)
  if (output.exitCode === 127) return new EngineMissing({ machine, engine })
  const forbidden = says(/permission denied.*(socket|\.sock)|socket.*permission denied/is)
  if (forbidden !== undefined) return new EngineForbidden({ machine, engine, detail: forbidden })
  const detail = reasonFrom(stderr.trim() === "" ? stdout : stderr, /^(docker: )?error\b/i)
  if (hasRestarted) return new EngineRestarted({ machine, engine, operation, detail })
  const down = says(/cannot connect to (the docker daemon|podman)|is the docker daemon running/i)
  if (down !== undefined) return new EngineDown({ machine, engine, detail: down })
  const full = says(/no space left on device|disk quota exceeded/i)
  if (full !== undefined) {
    // `docker push` writes nothing to this disk, so the message comes from the registry.
    return reference !== "" && engine !== "podman" && operation.startsWith("push ")
      ? new RegistryFull({ machine, engine, reference, detail: full })
      : new DiskFull({ machine, engine, detail: full })
  }
  const transfer = (["push", "pull"] as const).find((word) => operation.startsWith(`${word} `))
  const about = { machine, engine, reference, ...(transfer !== undefined && { transfer }) }
  const said = reference === "" ? undefined : parseRegistryError(about, stderr, isOwn)
  if (said !== undefined) return said
  return new EngineFailed({ machine, engine, operation, code: output.exitCode, detail })
}
