import { Clock, Effect } from "effect"
import { CurrentPath } from "../core/Events.ts"
import { beganBy, beganLine } from "../layers/lock/Entry.ts"
import { writeAudit } from "../layers/lock/ProjectLock.ts"
import * as Step from "../pipeline/Step.ts"
import { endLimit, type LockInput, part, speaker, warnAbout, writeEnd } from "./Lock.ts"

/**
 * Writes an entry of the audit on all servers, with the name of the pipeline: when it begins, and how it ends. For pipelines that
 * take no lock. A server that cannot write it warns.
 */
export const step = Step.make(
  "audit",
  Effect.fnUntraced(function* (state: LockInput) {
    const { project } = state
    const said = yield* speaker
    const began = beganBy(said, yield* Clock.currentTimeMillis, { ...part(state), locked: false })
    yield* warnAbout(yield* writeAudit(project.name, project.servers, beganLine(began)))
    const path = yield* CurrentPath
    yield* Effect.addFinalizer((exit) =>
      writeEnd(project, project.servers, said.run, exit).pipe(
        Effect.interruptible,
        Effect.timeoutOption(endLimit),
        Effect.ignore,
        Effect.provideService(CurrentPath, path)
      )
    )
  })
)
