import { Effect } from "effect"
import type { Project, Server } from "../config/Project.ts"
import { programFailure, withheld } from "../layers/docker/exec/failure.ts"
import type { Output } from "../layers/processes/Command.ts"
import { CommandFailed } from "../layers/processes/Command.ts"
import { runGuarded, type Session } from "../layers/shell/session/runGuarded.ts"
import { session as guard } from "../layers/shell/session/session.ts"
import { Shell } from "../layers/shell/Shell.ts"
import * as Audit from "./Audit.ts"
import * as Pipeline from "../pipeline/Pipeline.ts"
import * as Step from "../pipeline/Step.ts"
import type { Exited } from "./exec/Exec.ts"
import type { OutputClosed } from "./LogsPipeline.ts"

/** What `jiji server exec` begins with. */
export interface ServerExecInput {
  /** With the servers to use. */
  readonly project: Project
  readonly command: readonly [string, ...ReadonlyArray<string>]
  /** What the command on a server is connected to. */
  readonly session: (server: Server) => Session<OutputClosed>
}

type OnServer = ServerExecInput & { readonly server: Server }

/** Runs a command on a server, connected to a session. */
const step = Step.make(
  "exec",
  Effect.fnUntraced(function* ({ command, server, session: sessionOf }: OnServer) {
    const shell = yield* Shell
    const session = sessionOf(server)
    const tag = crypto.randomUUID()
    const failure = programFailure({ where: server.name, program: command[0], isContainer: false })
    const { end, session: watched } = withheld(session, failure)
    const code = yield* runGuarded(
      shell,
      server,
      {
        guard: guard.command({ tag, terminal: session.terminal !== undefined }),
        command: () => ({ words: command, env: { JIJI_EXEC: tag } }),
        failed: ({ exitCode, stderr }: Output) =>
          Effect.fail(new CommandFailed({ machine: server.name, program: "sh", code: exitCode, stderr }))
      },
      watched
    )
    yield* end(code)
    const exited: Exited = { server: server.name, code }
    return { exited }
  })
)

/** Writes that somebody runs a command on the servers, but not which. */
const audit = Step.make("audit", ({ project }: ServerExecInput) => Audit.step.run({ project, isFullDeploy: true }))

/** What `jiji server exec` runs: a command on each of the servers, at the same time. */
export const serverExec = Pipeline.make<ServerExecInput>("server-exec").pipe(
  Pipeline.step(audit),
  Pipeline.forEach({
    name: "servers",
    as: "server",
    items: ({ project }: ServerExecInput) => project.servers,
    key: (server) => server.name,
    body: Pipeline.make<OnServer>("server").pipe(Pipeline.step(step)),
    collect: { as: "all", value: ({ exited }) => exited }
  })
)
