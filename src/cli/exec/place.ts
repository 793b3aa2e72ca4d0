import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"
import { joinWords } from "../../core/text.ts"
import { suggest } from "../../config/suggest.ts"

/** A command that runs in a container did not get a service. */
export class NoServiceToRunIn extends defineError<NoServiceToRunIn>()("NoServiceToRunIn", {
  fields: {
    /** Such as `jiji exec`. */
    command: Schema.String
  },
  message: (e) => `${e.command} needs the name of a service.`,
  remedy: (e) => (e.command === "jiji exec" ? "For example: jiji exec web -- ls -l" : `For example: ${e.command} web`),
  exitCode: "usage",
  sample: { command: "jiji exec" }
}) {}

/** deploy.yml has no such service to run a command in, or the service has no such replica. */
export class NoSuchPlace extends defineError<NoSuchPlace>()("NoSuchPlace", {
  fields: {
    service: Schema.String,
    known: Schema.Array(Schema.String),
    /** What was asked for, and how many the service has. */
    replica: Schema.optionalKey(Schema.Struct({ number: Schema.String, count: Schema.Int }))
  },
  message: (e) =>
    e.replica === undefined
      ? `There is no service ${e.service} in deploy.yml; it has ${joinWords(e.known)}.`
      : `${e.service} has no replica ${e.replica.number}: it has ${e.replica.count}.`,
  remedy: (e) => {
    if (e.replica !== undefined) {
      return e.replica.count === 1
        ? `Use ${e.service} alone.`
        : `Use a number from 1 to ${e.replica.count}: ${e.service}.${e.replica.count}`
    }
    const near = suggest(e.service, e.known)
    return near === undefined ? "Use one of these names." : `Did you mean ${near}?`
  },
  exitCode: "usage",
  sample: [
    { service: "wbe", known: ["web", "worker"] },
    { service: "web", known: ["web", "worker"], replica: { number: "4", count: 2 } }
  ]
}) {}
