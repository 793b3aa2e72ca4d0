import { Effect, Redacted } from "effect"
import type { Project } from "../config/Project.ts"
import { secretNames } from "../config/secretNames.ts"
import { Secrets } from "../layers/secrets/Secrets.ts"
import { SecretTooLong } from "../layers/secrets/SecretsError.ts"
import * as Step from "../pipeline/Step.ts"
import { checkCertificates } from "./certificates.ts"

/** MAX_ARG_STRLEN of Linux, less `JIJI_SECRET_0=` and a NUL byte, which surround the value on its way. */
const maxBytes = 128 * 1024 - 64

/** Finds every secret that the run needs before it changes anything. Fails with all that are missing. */
export const step = Step.make(
  "secrets",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    // Secrets of hooks are found before the run starts.
    const names = secretNames({ ...project, hooks: [] })
    const none: ReadonlyMap<string, Redacted.Redacted<string>> = new Map()
    if (names.length === 0) return Step.skip("no secrets are used", { secrets: none })
    const secrets = yield* (yield* Secrets).resolve(names)
    for (const name of new Set(project.services.flatMap(({ environment }) => environment.secrets))) {
      const bytes = Buffer.byteLength(Redacted.value(secrets.get(name) ?? Redacted.make("")))
      if (bytes + name.length > maxBytes) return yield* new SecretTooLong({ name, bytes })
    }
    yield* checkCertificates(project, secrets)
    return { secrets }
  })
)
