import { Schema } from "effect"
import { defineError } from "../../core/defineError.ts"

/** A file of a build context cannot be sent to the machine that builds. */
export class ContextUnreadable extends defineError<ContextUnreadable>()("ContextUnreadable", {
  fields: { service: Schema.String, file: Schema.String, detail: Schema.String },
  message: (e) => `Cannot send the files of ${e.service} to the builder: ${e.file}: ${e.detail}`,
  remedy: "Make the file readable, or list it in .dockerignore if the build does not need it.",
  exitCode: "configuration",
  sample: { service: "web", file: "/home/me/shop/secrets/key.pem", detail: "Permission denied" }
}) {}
