import { Effect, Schema } from "effect"
import { defineScript, Flag } from "../../processes/Script.ts"
import { architectureOf } from "../architectures.ts"
import { type ClientReason, isClientReason } from "../clientReasons.ts"
import engineFunctions from "../engine.sh" with { type: "text" }
import { decodeContainers, type InspectedContainer } from "../inspect.ts"
import text from "./probe.sh" with { type: "text" }

/** Where docker's API is on a server, as `probe.sh` found it. */
export interface ApiPlace {
  readonly _tag: "Api"
  readonly architecture: string
  /** The path of its socket. */
  readonly socket: string
  /** Something that is new after a restart of docker. Empty if unknown. */
  readonly daemon: string
  /** Whether the user on the server has logins that docker's client would use for a pull. */
  readonly hasLogins: boolean
}

/** What `probe.sh` found with an engine's client. */
interface FoundByClient {
  readonly _tag: "Client"
  readonly engine: "docker" | "podman"
  readonly version: string
  readonly architecture: string
  readonly containers: ReadonlyArray<InspectedContainer>
  /** Why docker's API cannot be used. */
  readonly reason?: ClientReason
}

export type Probed = ApiPlace | FoundByClient

const decodeProbe = Effect.fnUntraced(function* (stdout: string): Effect.fn.Return<Probed, Schema.SchemaError> {
  const end = stdout.indexOf("\n")
  const [engine = "", version = "", processor = "", reason = ""] = stdout.slice(0, end).split(" ")
  const architecture = architectureOf(processor)
  const rest = stdout.slice(end + 1)
  if (engine === "docker" && version === "api") {
    const [socket = "", daemon = "", logins = ""] = rest.split("\n")
    return { _tag: "Api", architecture, socket, daemon, hasLogins: logins !== "no" }
  }
  const containers = yield* decodeContainers(rest)
  const name = engine === "podman" ? "podman" : "docker"
  const why = isClientReason(reason) ? { reason } : {}
  return { _tag: "Client", engine: name, version, architecture, containers, ...why }
})

/** Finds a server's engine: where docker's API is, or by its client, with the project's containers. */
export const probe = defineScript({
  name: "probe",
  text: `${engineFunctions}${text}`,
  args: {
    /** The engine to use if it is installed. */
    engine: Schema.String,
    project: Schema.String,
    /** Whether to use the client in any case. */
    client: Flag
  },
  answer: decodeProbe,
  usual: ({ engine }, { architecture }) => `${engine} - ${architecture}\n[]`,
  byHand: ({ engine, project }) => [[engine, "ps", "--all", "--filter", `label=jiji.project=${project}`]]
})
