import type { Server } from "../../config/Project.ts"
import { localName } from "../processes/Processes.ts"

/** The machine where a command runs: this machine or a server. */
export type Machine = { readonly _tag: "Local" } | { readonly _tag: "Remote"; readonly server: Server }

/** The machine that jiji runs on. */
export const local: Machine = { _tag: "Local" }

/** A server of the project. */
export const remote = (server: Server): Machine => ({ _tag: "Remote", server })

/** A machine's name in events and errors: `local` or the server's name. */
export const label = (machine: Machine): string => (machine._tag === "Local" ? localName : machine.server.name)
