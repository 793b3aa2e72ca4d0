import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"

const where = { engine: Schema.String, name: Schema.String }

// Shared by the samples.
const container = { engine: "docker", name: "jiji-registry" }

/** A container that jiji did not create has the name of the registry's container. */
export class RegistryContainerForeign extends defineError<RegistryContainerForeign>()("RegistryContainerForeign", {
  fields: where,
  message: (e) => `This machine has a container ${e.name} that jiji did not create.`,
  remedy: (e) => `Rename it with \`${e.engine} rename ${e.name} NEW_NAME\`, or remove it if nothing needs it.`,
  exitCode: "failed",
  sample: container
}) {}

/** The registry's container was created for another port. */
export class RegistryContainerElsewhere extends defineError<RegistryContainerElsewhere>()(
  "RegistryContainerElsewhere",
  {
    fields: { ...where, wanted: Schema.Int, port: Schema.Int },
    message: (e) => `The registry's container ${e.name} uses port ${e.port}, but deploy.yml sets port ${e.wanted}.`,
    remedy: (e) =>
      `Set \`port: ${e.port}\` under \`builder.registry\`, or remove the container with \`jiji registry remove\`: the next deploy creates it on port ${e.wanted}.`,
    exitCode: "configuration",
    sample: { ...container, wanted: 9270, port: 9271 }
  }
) {}

/** Another program listens on the registry's port. */
export class RegistryPortTaken extends defineError<RegistryPortTaken>()("RegistryPortTaken", {
  fields: { port: Schema.Int, detail: Schema.String },
  message: (e) =>
    `The registry cannot listen on port ${e.port} of this machine, because the port is in use: ${e.detail}`,
  remedy: (e) =>
    `Find the program with \`ss -ltnp 'sport = :${e.port}'\` and stop it, or set another \`port\` under \`builder.registry\`.`,
  exitCode: "unavailable",
  sample: { port: 9270, detail: "Bind for 127.0.0.1:9270 failed: port is already allocated" }
}) {}

/** The registry's container is running, but does not answer like a registry. */
export class RegistryContainerSilent extends defineError<RegistryContainerSilent>()("RegistryContainerSilent", {
  fields: { ...where, port: Schema.Int, seconds: Schema.Int },
  message: (e) =>
    `The registry's container ${e.name} is running, but did not answer at http://127.0.0.1:${e.port}/v2/ within ${e.seconds} s.`,
  remedy: (e) =>
    `Check its log with \`${e.engine} logs ${e.name}\`. \`image\` under \`builder.registry\` must be a registry image such as registry:3.`,
  exitCode: "unavailable",
  sample: { ...container, port: 9270, seconds: 30 }
}) {}

/** An image in the registry's container is damaged and cannot be repaired. */
export class RegistryContainerCorrupted extends defineError<RegistryContainerCorrupted>()(
  "RegistryContainerCorrupted",
  {
    fields: { ...where, repository: Schema.String, digest: Schema.String, reason: Schema.String },
    message: (e) =>
      `The registry's container ${e.name} has a damaged copy of ${e.repository}@${e.digest}, which jiji cannot repair: ${e.reason.replace(/\.$/, "")}.`,
    remedy: (e) =>
      `Empty the registry with \`jiji registry remove\` and deploy again. If the error returns, check the disk that holds the volume ${e.name}.`,
    exitCode: "failed",
    sample: {
      ...container,
      repository: "shop-web",
      digest: `sha256:${"4f2ebd2e".repeat(8)}`,
      reason: "docker failed on this machine with exit code 127: exec: rm: not found"
    }
  }
) {}
