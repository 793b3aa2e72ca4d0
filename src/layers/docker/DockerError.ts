import { Schema } from "effect"
import { ExitCode } from "../../core/Failure.ts"
import type { Output } from "../processes/Command.ts"
import { reasonFrom } from "../../core/lines.ts"
import { parseRegistryError } from "./parseRegistryError.ts"
import { onMachine, RegistryFull, type RemoteRegistryError } from "./RemoteRegistryError.ts"

const where = { machine: Schema.String, engine: Schema.String }

/** A machine has no engine. */
export class EngineMissing extends Schema.TaggedError<EngineMissing>()("EngineMissing", where) {
  override get message() {
    return `There is no ${this.engine} ${onMachine(this.machine)}.`
  }
  get remedy() {
    return `Install ${this.engine} ${onMachine(this.machine)}, or set \`builder.engine\` to the engine that is there.`
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** The engine is installed, but does not answer. */
export class EngineDown extends Schema.TaggedError<EngineDown>()("EngineDown", { ...where, detail: Schema.String }) {
  override get message() {
    return `${this.engine} does not answer ${onMachine(this.machine)}: ${this.detail}`
  }
  get remedy() {
    return `Start it ${onMachine(this.machine)}, with \`systemctl start ${this.engine}\` for one.`
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** The user may not use the engine's socket. */
export class EngineForbidden extends Schema.TaggedError<EngineForbidden>()("EngineForbidden", {
  ...where,
  detail: Schema.String
}) {
  override get message() {
    return `The user may not use ${this.engine} ${onMachine(this.machine)}: ${this.detail}`
  }
  get remedy() {
    return `Add the user to the group of the engine's socket (\`sudo usermod -aG ${this.engine} USER\`, then log in anew), or use another user.`
  }
  get exitCode() {
    return ExitCode.permission
  }
}

/** A disk is full. */
export class DiskFull extends Schema.TaggedError<DiskFull>()("DiskFull", { ...where, detail: Schema.String }) {
  override get message() {
    return `The disk is full ${onMachine(this.machine)}: ${this.detail}`
  }
  get remedy() {
    return `Free space ${onMachine(this.machine)}; \`${this.engine} system df\` shows what the engine uses, \`${this.engine} image prune\` removes unused images.`
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** An image does not build. */
export class BuildFailed extends Schema.TaggedError<BuildFailed>()("BuildFailed", {
  service: Schema.String,
  code: Schema.Int,
  log: Schema.String
}) {
  override get message() {
    return `The image of ${this.service} does not build (exit code ${this.code}):\n${this.log}`
  }
  get remedy() {
    if (/pull access denied|authorization failed|unauthorized|no basic auth credentials/i.test(this.log)) {
      return "A private base image needs a login of this machine's own: `docker login`, or `jiji registry login --skip-remote` for the project's registry."
    }
    return "Mend what the lines above say, in the Dockerfile or in what it builds."
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** A server's processor cannot run an image. */
export class ArchitectureMismatch extends Schema.TaggedError<ArchitectureMismatch>()("ArchitectureMismatch", {
  server: Schema.String,
  service: Schema.String,
  image: Schema.String,
  needed: Schema.String
}) {
  override get message() {
    return `The image of ${this.service} is built for ${this.image}, and ${this.server} is ${this.needed}.`
  }
  get remedy() {
    return `Set \`arch: ${this.needed}\` for ${this.server} in deploy.yml, so that the image is built for it.`
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** The new container did not become healthy; the old one, where there was one, is what runs. */
export class ContainerUnhealthy extends Schema.TaggedError<ContainerUnhealthy>()("ContainerUnhealthy", {
  server: Schema.String,
  service: Schema.String,
  reason: Schema.String,
  log: Schema.String
}) {
  override get message() {
    const log = this.log.trim() === "" ? " It logged nothing." : ` Its last lines:\n${this.log}`
    return `The new container of ${this.service} on ${this.server} ${this.reason}; what ran before runs on.${log}`
  }
  get remedy() {
    return "Mend what its lines say. If it only needs more time, raise `health.timeout` of the service."
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** A port of the server is taken by something else. */
export class PortTaken extends Schema.TaggedError<PortTaken>()("PortTaken", {
  server: Schema.String,
  service: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `A port that ${this.service} publishes on ${this.server} is taken: ${this.detail}`
  }
  get remedy() {
    return "Stop what listens there (`ss -ltnp` shows it), or publish another port under `ports:`."
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** A container of the name that jiji would use is not jiji's. */
export class ContainerForeign extends Schema.TaggedError<ContainerForeign>()("ContainerForeign", {
  server: Schema.String,
  engine: Schema.String,
  name: Schema.String
}) {
  override get message() {
    return `${this.server} has a container ${this.name} that is not this project's.`
  }
  get remedy() {
    return `Rename it (\`${this.engine} rename ${this.name} NEW\`) or remove it, then deploy again.`
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** The engine failed at something in a way that has no error of its own. */
export class EngineFailed extends Schema.TaggedError<EngineFailed>()("EngineFailed", {
  ...where,
  operation: Schema.String,
  code: Schema.Int,
  detail: Schema.String
}) {
  override get message() {
    return `${this.engine} could not ${this.operation} ${onMachine(this.machine)} (exit code ${this.code}): ${this.detail}`
  }
  get remedy() {
    return "The words above are the engine's own. --dry-run prints the command, to run it by hand."
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** What the engine printed is not what it is known to print. */
export class EngineUnclear extends Schema.TaggedError<EngineUnclear>()("EngineUnclear", {
  ...where,
  operation: Schema.String,
  reason: Schema.Defect()
}) {
  override get message() {
    return `What ${this.engine} printed ${onMachine(this.machine)} to ${this.operation} is not understood.`
  }
  get remedy() {
    return "Check the engine's version; docker 20.10 and podman 4.3 or later are known to work."
  }
  get exitCode() {
    return ExitCode.failed
  }
}

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
export const parseEngineError = (
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
  const says = (pattern: RegExp) => (pattern.test(output.stderr) ? reasonFrom(output.stderr, pattern) : undefined)
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
  const said = reference === "" ? undefined : parseRegistryError({ machine, engine, reference }, output.stderr, isOwn)
  if (said !== undefined) return said
  const detail = reasonFrom(output.stderr.trim() === "" ? output.stdout : output.stderr, /^(docker: )?error\b/i)
  return new EngineFailed({ machine, engine, operation, code: output.exitCode, detail })
}
