import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"

const where = { engine: Schema.String, name: Schema.String }

// Shared by the samples.
const container = { engine: "docker", name: "jiji-registry" }

/** A container has the name of the registry's, and jiji has not made it. */
export class RegistryContainerForeign extends defineError<RegistryContainerForeign>()("RegistryContainerForeign", {
  fields: where,
  message: ({ name }) => `A container ${name} is on this machine, and jiji did not make it.`,
  remedy: ({ engine, name }) =>
    `Rename it with \`${engine} rename ${name} NEW_NAME\`, or remove it if nothing needs it.`,
  exitCode: "failed",
  sample: container
}) {}

/** The registry's container was made for another port. */
export class RegistryContainerElsewhere extends defineError<RegistryContainerElsewhere>()(
  "RegistryContainerElsewhere",
  {
    fields: { ...where, wanted: Schema.Int, port: Schema.Int },
    message: ({ name, port, wanted }) =>
      `The registry's container ${name} is on port ${port}, and deploy.yml asks for port ${wanted}.`,
    remedy: ({ port, wanted }) =>
      `Set \`port: ${port}\` under \`builder.registry\`, or remove the container with \`jiji registry remove\`: the next deploy makes it anew on port ${wanted}.`,
    exitCode: "configuration",
    sample: { ...container, wanted: 9270, port: 9271 }
  }
) {}

/** Something else listens on the registry's port. */
export class RegistryPortTaken extends defineError<RegistryPortTaken>()("RegistryPortTaken", {
  fields: { port: Schema.Int, detail: Schema.String },
  message: ({ port, detail }) =>
    `Port ${port} of this machine is taken, so that the registry cannot listen there: ${detail}`,
  remedy: ({ port }) =>
    `See what holds it with \`ss -ltnp 'sport = :${port}'\`, and stop that; or set another \`port\` under \`builder.registry\`.`,
  exitCode: "unavailable",
  sample: { port: 9270, detail: "Bind for 127.0.0.1:9270 failed: port is already allocated" }
}) {}

/** The registry's container runs, and does not answer as a registry. */
export class RegistryContainerSilent extends defineError<RegistryContainerSilent>()("RegistryContainerSilent", {
  fields: { ...where, port: Schema.Int, seconds: Schema.Int },
  message: ({ name, port, seconds }) =>
    `The registry's container ${name} runs, and does not answer at http://127.0.0.1:${port}/v2/ within ${seconds} s.`,
  remedy: ({ engine, name }) =>
    `Look at its last lines with \`${engine} logs ${name}\`; \`image\` under \`builder.registry\` must be one of the registry, such as registry:3.`,
  exitCode: "unavailable",
  sample: { ...container, port: 9270, seconds: 30 }
}) {}
