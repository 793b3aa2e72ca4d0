import { Schema } from "effect"
import { ExitCode } from "../../core/Failure.ts"

const where = { engine: Schema.String, name: Schema.String }

/** A container has the name of the registry's, and jiji has not made it. */
export class RegistryContainerForeign extends Schema.TaggedError<RegistryContainerForeign>()(
  "RegistryContainerForeign",
  where
) {
  override get message() {
    return `A container ${this.name} is on this machine, and jiji did not make it.`
  }
  get remedy() {
    return `Rename it with \`${this.engine} rename ${this.name} NEW_NAME\`, or remove it if nothing needs it.`
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** The registry's container was made for another port. */
export class RegistryContainerElsewhere extends Schema.TaggedError<RegistryContainerElsewhere>()(
  "RegistryContainerElsewhere",
  { ...where, wanted: Schema.Int, port: Schema.Int }
) {
  override get message() {
    return `The registry's container ${this.name} is on port ${this.port}, and deploy.yml asks for port ${this.wanted}.`
  }
  get remedy() {
    return `Set \`port: ${this.port}\` under \`builder.registry\`, or remove the container with \`jiji registry remove\`: the next deploy makes it anew on port ${this.wanted}.`
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

/** Something else listens on the registry's port. */
export class RegistryPortTaken extends Schema.TaggedError<RegistryPortTaken>()("RegistryPortTaken", {
  port: Schema.Int,
  detail: Schema.String
}) {
  override get message() {
    return `Port ${this.port} of this machine is taken, so that the registry cannot listen there: ${this.detail}`
  }
  get remedy() {
    return `See what holds it with \`ss -ltnp 'sport = :${this.port}'\`, and stop that; or set another \`port\` under \`builder.registry\`.`
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** The registry's container runs, and does not answer as a registry. */
export class RegistryContainerSilent extends Schema.TaggedError<RegistryContainerSilent>()("RegistryContainerSilent", {
  ...where,
  port: Schema.Int,
  seconds: Schema.Int
}) {
  override get message() {
    return `The registry's container ${this.name} runs, and does not answer at http://127.0.0.1:${this.port}/v2/ within ${this.seconds} s.`
  }
  get remedy() {
    return `Look at its last lines with \`${this.engine} logs ${this.name}\`; \`image\` under \`builder.registry\` must be one of the registry, such as registry:3.`
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}
