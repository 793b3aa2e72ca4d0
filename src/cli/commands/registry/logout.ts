import { Command } from "effect/cli"
import { logout } from "../../../steps/RegistryPipelines.ts"
import { descriptions } from "../../pipelines/builtin.ts"
import { authenticate, authenticateFlags } from "./authenticate.ts"

/** `jiji registry logout`. */
export const command = Command.make("logout", authenticateFlags, (flags) =>
  authenticate(flags, { pipeline: logout, action: "log out of", done: "Logged out of" })
).pipe(Command.withDescription(descriptions.logout))
