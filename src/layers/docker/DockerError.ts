import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"
import type { Output } from "../processes/Command.ts"
import { telling } from "../../core/lines.ts"
import { registrySays } from "./parseRegistryError.ts"
import { on, RegistryFull, type RemoteRegistryError } from "./RemoteRegistryError.ts"

const where = { machine: Schema.String, engine: Schema.String }

// Shared by the samples.
const engine = { machine: "web1", engine: "docker" }

/** A machine has no engine. */
export class EngineMissing extends defineError<EngineMissing>()("EngineMissing", {
  fields: where,
  message: ({ engine, machine }) => `There is no ${engine} ${on(machine)}.`,
  remedy: ({ engine, machine }) =>
    `Install ${engine} ${on(machine)}, or set \`builder.engine\` to the engine that is there.`,
  exitCode: "unavailable",
  sample: engine
}) {}

/** The engine is installed, but does not answer. */
export class EngineDown extends defineError<EngineDown>()("EngineDown", {
  fields: { ...where, detail: Schema.String },
  message: ({ engine, machine, detail }) => `${engine} does not answer ${on(machine)}: ${detail}`,
  remedy: ({ machine, engine }) => `Start it ${on(machine)}, with \`systemctl start ${engine}\` for one.`,
  exitCode: "unavailable",
  sample: { ...engine, detail: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock." }
}) {}

/** The user may not use the engine's socket. */
export class EngineForbidden extends defineError<EngineForbidden>()("EngineForbidden", {
  fields: { ...where, detail: Schema.String },
  message: ({ engine, machine, detail }) => `The user may not use ${engine} ${on(machine)}: ${detail}`,
  remedy: ({ engine }) =>
    `Add the user to the group of the engine's socket (\`sudo usermod -aG ${engine} USER\`, then log in anew), or use another user.`,
  exitCode: "permission",
  sample: { ...engine, detail: "permission denied while trying to connect to the docker API" }
}) {}

/** A disk is full. */
export class DiskFull extends defineError<DiskFull>()("DiskFull", {
  fields: { ...where, detail: Schema.String },
  message: ({ machine, detail }) => `The disk is full ${on(machine)}: ${detail}`,
  remedy: ({ machine, engine }) =>
    `Free space ${on(machine)}; \`${engine} system df\` shows what the engine uses, \`${engine} image prune\` removes unused images.`,
  exitCode: "failed",
  sample: { ...engine, detail: "write /var/lib/docker/tmp: no space left on device" }
}) {}

/** An image does not build. */
export class BuildFailed extends defineError<BuildFailed>()("BuildFailed", {
  fields: { service: Schema.String, code: Schema.Int, log: Schema.String },
  message: ({ service, code, log }) => `The image of ${service} does not build (exit code ${code}):\n${log}`,
  remedy: ({ log }) => {
    if (/pull access denied|authorization failed|unauthorized|no basic auth credentials/i.test(log)) {
      return "A private base image needs a login of this machine's own: `docker login`, or `jiji registry login --skip-remote` for the project's registry."
    }
    return "Mend what the lines above say, in the Dockerfile or in what it builds."
  },
  exitCode: "failed",
  sample: { service: "web", code: 1, log: "Step 4/9 : RUN npm ci\nnpm error code E404" }
}) {}

/** A server's processor cannot run an image. */
export class ArchitectureMismatch extends defineError<ArchitectureMismatch>()("ArchitectureMismatch", {
  fields: { server: Schema.String, service: Schema.String, image: Schema.String, needed: Schema.String },
  message: ({ service, image, server, needed }) =>
    `The image of ${service} is built for ${image}, and ${server} is ${needed}.`,
  remedy: ({ needed, server }) =>
    `Set \`arch: ${needed}\` for ${server} in deploy.yml, so that the image is built for it.`,
  exitCode: "failed",
  sample: { server: "web1", service: "web", image: "arm64", needed: "amd64" }
}) {}

/** The new container did not become healthy; the old one, where there was one, is what runs. */
export class ContainerUnhealthy extends defineError<ContainerUnhealthy>()("ContainerUnhealthy", {
  fields: { server: Schema.String, service: Schema.String, reason: Schema.String, log: Schema.String },
  message: (e) => {
    const log = e.log.trim() === "" ? " It logged nothing." : ` Its last lines:\n${e.log}`
    return `The new container of ${e.service} on ${e.server} ${e.reason}; what ran before runs on.${log}`
  },
  remedy: "Mend what its lines say. If it only needs more time, raise `health.timeout` of the service.",
  exitCode: "failed",
  sample: {
    server: "web1",
    service: "web",
    reason: "stopped with exit code 1",
    log: "DATABASE_URL: connection refused"
  }
}) {}

/** A port of the server is taken by something else. */
export class PortTaken extends defineError<PortTaken>()("PortTaken", {
  fields: { server: Schema.String, service: Schema.String, detail: Schema.String },
  message: ({ service, server, detail }) => `A port that ${service} publishes on ${server} is taken: ${detail}`,
  remedy: "Stop what listens there (`ss -ltnp` shows it), or publish another port under `ports:`.",
  exitCode: "failed",
  sample: { server: "web1", service: "web", detail: "Bind for 0.0.0.0:8080 failed: port is already allocated" }
}) {}

/** A container of the name that jiji would use is not jiji's. */
export class ContainerForeign extends defineError<ContainerForeign>()("ContainerForeign", {
  fields: { server: Schema.String, engine: Schema.String, name: Schema.String },
  message: ({ server, name }) => `${server} has a container ${name} that is not this project's.`,
  remedy: ({ engine, name }) => `Rename it (\`${engine} rename ${name} NEW\`) or remove it, then deploy again.`,
  exitCode: "failed",
  sample: { server: "web1", engine: "docker", name: "shop-web" }
}) {}

/** The engine failed at something in a way that has no error of its own. */
export class EngineFailed extends defineError<EngineFailed>()("EngineFailed", {
  fields: { ...where, operation: Schema.String, code: Schema.Int, detail: Schema.String },
  message: ({ engine, operation, machine, code, detail }) =>
    `${engine} could not ${operation} ${on(machine)} (exit code ${code}): ${detail}`,
  remedy: "The words above are the engine's own. --dry-run prints the command, to run it by hand.",
  exitCode: "failed",
  sample: { ...engine, operation: "start web", code: 125, detail: "OCI runtime create failed" }
}) {}

/** What the engine printed is not what it is known to print. */
export class EngineUnclear extends defineError<EngineUnclear>()("EngineUnclear", {
  fields: { ...where, operation: Schema.String, reason: Schema.Defect() },
  message: ({ engine, machine, operation }) =>
    `What ${engine} printed ${on(machine)} to ${operation} is not understood.`,
  remedy: "Check the engine's version; docker 20.10 and podman 4.3 or later are known to work.",
  exitCode: "failed",
  sample: { ...engine, operation: "list containers", reason: "not JSON" }
}) {}

export type EngineError =
  | EngineMissing
  | EngineDown
  | EngineForbidden
  | DiskFull
  | RemoteRegistryError
  | EngineFailed
  | EngineUnclear

/**
 * Which error an engine's output is, by the messages that docker and podman are known to print. Those of registries count
 * only where there is a reference that one is asked for.
 */
export const engineError = (
  context: {
    readonly machine: string
    readonly engine: string
    readonly operation: string
    readonly reference?: string
    /** Whether the registry was shown no credentials of deploy.yml's. */
    readonly isOwn?: boolean
  },
  output: Output
): EngineError => {
  const { machine, engine, isOwn = false, operation, reference = "" } = context
  const says = (pattern: RegExp) => (pattern.test(output.stderr) ? telling(output.stderr, pattern) : undefined)
  if (output.exitCode === 127) return new EngineMissing({ machine, engine })
  const forbidden = says(/permission denied.*(socket|\.sock)|socket.*permission denied/is)
  if (forbidden !== undefined) return new EngineForbidden({ machine, engine, detail: forbidden })
  const down = says(/cannot connect to (the docker daemon|podman)|is the docker daemon running/i)
  if (down !== undefined) return new EngineDown({ machine, engine, detail: down })
  const full = says(/no space left on device|disk quota exceeded/i)
  if (full !== undefined) {
    // Docker's push writes nothing here: what it quotes is the registry.
    return reference !== "" && engine !== "podman" && operation.startsWith("push ")
      ? new RegistryFull({ machine, engine, reference, detail: full })
      : new DiskFull({ machine, engine, detail: full })
  }
  const said = reference === "" ? undefined : registrySays({ machine, engine, reference }, output.stderr, isOwn)
  if (said !== undefined) return said
  const detail = telling(output.stderr.trim() === "" ? output.stdout : output.stderr, /^(docker: )?error\b/i)
  return new EngineFailed({ machine, engine, operation, code: output.exitCode, detail })
}
