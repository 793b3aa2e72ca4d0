import { Effect } from "effect"
import type { Engine, Server } from "../../../config/Project.ts"
import type { Command, Output } from "../../processes/Command.ts"
import { type Machine, remote } from "../../shell/Machine.ts"
import type { ShellError } from "../../shell/Shell.ts"
import type { ServerApi } from "../api/ServerApis.ts"
import type { EngineError, EngineUnclear } from "../DockerError.ts"
import { answerLimit } from "../limits.ts"
import { kept, type KeptContainer } from "./kept.ts"

export type { KeptContainer } from "./kept.ts"

/** A container to add to those that hold versions. */
export interface KeptOptions {
  readonly engine: Engine
  readonly project: string
  readonly name: string
  readonly imageId: string
  readonly labels: Readonly<Record<string, string>>
}

interface Place {
  readonly engine: Engine
  readonly project: string
}

type Listed = Effect.Effect<ReadonlyArray<KeptContainer>, EngineError | ShellError>

/** The containers that hold the versions of a project's services on a server. Each call returns all that are there then. */
export interface Kept {
  keptVersions(server: Server, place: Place): Listed
  /** Creates one, unless there is one of this name. */
  keepVersion(server: Server, options: KeptOptions): Listed
  /** Removes those with these ids. */
  dropVersions(server: Server, place: Place, ids: ReadonlyArray<string>): Listed
}

/** What `Docker` has for its operations. */
interface Context {
  readonly apis: { readonly get: (server: Server) => ServerApi | undefined }
  readonly succeed: (
    machine: Machine,
    command: Command,
    context: { readonly engine: string; readonly operation: string }
  ) => Effect.Effect<Output, EngineError | ShellError>
  readonly unclear: (machine: Machine, engine: string, operation: string) => (reason: unknown) => EngineUnclear
}

/** Labels as lines of a file. An engine would take a line break for the end of a label. */
export const labelLines = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value.replaceAll(/[\r\n]+/g, " ")}\n`)
    .join("")

/** The operations of `Docker` on these containers. */
export const keptContainers = ({ apis, succeed, unclear }: Context): Kept => {
  const run = Effect.fnUntraced(function* (
    server: Server,
    operation: string,
    values: Parameters<typeof kept.command>[0],
    words: ReadonlyArray<string> = [],
    stdin?: string
  ) {
    const { engine } = values
    const command = {
      ...kept.command(values, words),
      limit: answerLimit(engine, operation),
      ...(stdin !== undefined && { stdin })
    }
    const { stdout } = yield* succeed(remote(server), command, { engine, operation })
    return yield* Effect.mapError(kept.answer(stdout), unclear(remote(server), engine, operation))
  })
  const none = { name: "", image: "" }
  return {
    keptVersions: (server, { engine, project }) =>
      apis.get(server)?.kept(project) ?? run(server, "list versions", { engine, project, doing: "list", ...none }),
    keepVersion: (server, { engine, imageId, labels, name, project }) => {
      const all = { ...labels, "jiji.kept": project }
      const api = apis.get(server)
      if (api !== undefined) {
        return Effect.andThen(api.keep({ name, imageId, labels: all }), api.kept(project))
      }
      const values = { engine, project, doing: "add", name, image: imageId } as const
      return run(server, "keep a version", values, [], labelLines(all))
    },
    dropVersions: (server, { engine, project }, ids) => {
      const api = apis.get(server)
      if (api === undefined) {
        return run(server, "remove old versions", { engine, project, doing: "drop", ...none }, ids)
      }
      return Effect.andThen(Effect.forEach(ids, api.dropKept, { discard: true }), api.kept(project))
    }
  }
}
