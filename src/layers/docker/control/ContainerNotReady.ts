import { Schema } from "effect"
import { defineError } from "../../../core/defineError.ts"

/** A container that was started again as it is does not become healthy. */
export class ContainerNotReady extends defineError<ContainerNotReady>()("ContainerNotReady", {
  fields: {
    server: Schema.String,
    service: Schema.String,
    name: Schema.String,
    reason: Schema.String,
    /** What the proxy got from it, or the proxy's error. */
    answer: Schema.optionalKey(Schema.String),
    log: Schema.String
  },
  message: (e) => {
    const answer = e.answer === undefined ? "" : ` The proxy got: ${e.answer}`
    const log = e.log.trim() === "" ? "The container's log is empty." : `Last log lines:\n${e.log}`
    return `The container ${e.name} on ${e.server} was started, but it ${e.reason}.${answer} ${log}`
  },
  remedy: (e) =>
    `Fix the error shown above. If the container only needs more time, raise the service's \`health.timeout\`. \`jiji deploy -S ${e.service}\` replaces the container.`,
  exitCode: "failed",
  sample: {
    server: "web1",
    service: "web",
    name: "shop-web",
    reason: "stopped with exit code 1",
    log: "DATABASE_URL: connection refused"
  }
}) {}
