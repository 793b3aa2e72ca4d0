import { Effect } from "effect"
import type { Project, Server } from "../../config/Project.ts"
import type { Event } from "../../core/Event.ts"
import { run } from "../../pipeline/interpreter/run.ts"
import type { Pipeline } from "../../pipeline/Pipeline.ts"
import { parsePath } from "../../reporters/eventLine.ts"
import { feed } from "../../reporters/Reporter.ts"
import type { Exited } from "../../steps/ExecPipeline.ts"
import { OutputClosed } from "../../steps/LogsPipeline.ts"
import type { Session } from "../../layers/shell/session/runGuarded.ts"
import type { PipelineServices } from "../../steps/Runnable.ts"
import { formatWarning, OnGitHub } from "../github.ts"
import { CommandExited } from "../process/exit.ts"
import { writeStderrSync } from "../process/stderr.ts"
import { Terminal } from "../process/Terminal.ts"
import { RunLayers } from "../RunLayers.ts"
import { withFollowers } from "../withFollowers.ts"
import { sessions } from "./sessions.ts"
import { isRaw } from "./terminal.ts"

/** Prints warnings on stderr. A terminal in raw mode starts no new line by itself. */
const warnings = (onGitHub: boolean) => ({
  event: (event: Event): void => {
    if (event._tag !== "StepNoted" || event.level !== "warning") return
    const [server] = parsePath(event.path).keys
    const text = server === undefined ? event.text : `${server}: ${event.text}`
    const warning = formatWarning(onGitHub, text)
    writeStderrSync(isRaw() ? warning.replaceAll("\n", "\r\n") : warning)
  },
  end: () => {}
})

interface ExecPipelineInput {
  readonly project: Project
  readonly session: (server: Server) => Session<OutputClosed>
}

/** Runs a pipeline that runs a command on servers. Fails with the exit code of the first server's that is not 0. */
export const runExec = Effect.fnUntraced(function* <
  N extends ExecPipelineInput,
  S extends { readonly all: ReadonlyArray<Exited> },
  E
>(
  pipeline: Pipeline<N, S, E, PipelineServices>,
  input: (session: ExecPipelineInput["session"]) => N,
  project: Project
) {
  const { live } = yield* RunLayers
  const { end, session } = sessions(project.servers, yield* Terminal)
  const running = Effect.ensuring(run(pipeline, input(session), live(project)), Effect.ignore(end))
  const { all } = yield* withFollowers([feed(warnings(yield* OnGitHub))], running).pipe(
    // Whoever reads has seen enough.
    Effect.catchIf(
      (error) => error instanceof OutputClosed,
      () => Effect.succeed({ all: [] })
    )
  )
  const failed = project.servers
    .map(({ name }) => all.find(({ server }) => server === name)?.code ?? 0)
    .find((code) => code !== 0)
  if (failed !== undefined) return yield* Effect.fail(new CommandExited({ code: failed }))
})
