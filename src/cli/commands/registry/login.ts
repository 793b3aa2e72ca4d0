import { Command } from "effect/cli"
import { login } from "../../../steps/RegistryPipelines.ts"
import { descriptions } from "../../pipelines/builtin.ts"
import { authenticate, authenticateFlags } from "./authenticate.ts"

/** `jiji registry login`. */
export const command = Command.make("login", authenticateFlags, (flags) =>
  authenticate(flags, { pipeline: login, action: "log in to", done: "Logged in to" })
).pipe(
  Command.withDescription(descriptions.login),
  Command.withExamples([
    { command: "jiji registry login", description: "Log in on this machine and on every server" },
    { command: "jiji registry login --skip-remote", description: "Log in on this machine only" }
  ])
)
