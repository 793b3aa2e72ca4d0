import { Effect, Exit, Option, Schema, Scope } from "effect"
import { IsDryRun } from "../../core/IsDryRun.ts"
import { checkReturn, runAuthorFunction } from "../../core/authorFunction.ts"
import { stepLabel, type StepNode } from "../Node.ts"
import { stepCache } from "./cache.ts"
import { type Completed, CurrentJournal, fromEntry, type Journal, toEntry, withJournal } from "./Journal.ts"
import { withNodeEvents, type NodeEffect, type NodeResult, type State } from "./nodeEvents.ts"
import { isSkipped } from "../Step.ts"
import type { Wrapper } from "../Step.ts"
import { readState, withState } from "./stateReads.ts"
import { CurrentStep, type StepAttempt, type Undos } from "./undos.ts"
import { limitNode, retryNode } from "./limits.ts"

/** What a step or its wrapper returned. */
interface Outcome {
  readonly adds: unknown
  /** Why the step was skipped. */
  readonly skipped?: string
  /** A wrapper skipped the step, so there is no result to encode. */
  readonly notRun?: boolean
}

/**
 * Runs one attempt of the step at a path. If it fails, the runs that it has started are undone and its resources released at
 * once; otherwise they stay until the pipeline ends.
 */
const attempt = <A>(once: NodeEffect<A>, path: string, undos: Undos): NodeEffect<A> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const exit = yield* Effect.exit(restore(Effect.provideService(once, Scope.Scope, scope)))
      if (Exit.isFailure(exit)) {
        // Now, since the step's own undo only knows what the last attempt has added. Undos may need the attempt's resources.
        yield* undos.undo(path)
        yield* Scope.close(scope, exit)
      }
      return yield* exit
    })
  )

/**
 * Fails an attempt in a dry run that has called something real, whatever the step itself returns: it may have caught the
 * error, or be interrupted because the run has failed with it.
 */
const failOnViolation = <A>(once: NodeEffect<A>, attempt: StepAttempt): NodeEffect<A> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.exit(restore(once)), (exit) =>
      attempt.violation === undefined ? exit : Effect.die(attempt.violation)
    )
  )

/** Why a step is to be skipped, if it is. */
const skipReason = (wrapper: Wrapper, state: State, name: string): string | undefined => {
  if (wrapper._tag !== "SkipWhen") return undefined
  const reason = readState(`the skipWhen of ${name}`, state, (known) => wrapper.reason(known as never))
  const isReason = reason === undefined || typeof reason === "string"
  return checkReturn(`the skipWhen of ${name}`, "a reason or undefined", reason, isReason)
}

const applyWrapper = (
  wrapper: Wrapper,
  inner: NodeEffect<Outcome>,
  state: State,
  path: string,
  name: string,
  undos: Undos,
  cache: ReturnType<typeof stepCache> | undefined
): NodeEffect<Outcome> => {
  switch (wrapper._tag) {
    case "Retry":
      return retryNode(wrapper, attempt(inner, path, undos), state, name)
    case "Timeout":
      return limitNode(wrapper, inner, state, path, name)
    case "SkipWhen":
      return Effect.suspend(() => {
        const skipped = skipReason(wrapper, state, name)
        return skipped === undefined ? inner : Effect.succeed({ adds: {}, skipped, notRun: true })
      })
    case "Cached":
      return cache === undefined ? inner : cache.lookUp(wrapper, inner, (adds, skipped) => ({ adds, skipped }))
    case "Undo":
      return inner
  }
}

/** A step that has ended: what it adds, and what its last event says. */
interface Ended {
  readonly adds: unknown
  readonly ended: NodeResult
  /** Whether it has a result to store. */
  readonly isStorable: boolean
}

/** Returns the stored result of a step, unless the step always runs again. */
const storedResult = (
  { result, reuse }: StepNode,
  journal: Journal | undefined,
  path: string
): Completed | undefined => {
  if (result === undefined || reuse === false) return undefined
  const entry = journal?.read(path)
  return entry !== undefined && "result" in entry ? entry : undefined
}

/** Uses the stored result of a step instead of running it, if it still holds. */
const reuseResult = (step: StepNode, node: NodeEffect<Ended>, state: State, path: string): NodeEffect<Ended> =>
  Effect.flatMap(CurrentJournal, (journal) => {
    const { result, reuse } = step
    const entry = storedResult(step, journal, path)
    if (journal === undefined || result === undefined || entry === undefined) return node
    return Effect.flatMap(fromEntry(result, entry, path), (adds) => {
      const what = `the reuse of ${stepLabel(step)}`
      const holds =
        typeof reuse !== "function" || readState(what, state, (known) => reuse(adds as never, known as never))
      // Before it runs again: if it is cut off, the result of the first time must not count.
      if (!checkReturn(what, "true or false", holds, typeof holds === "boolean")) {
        return Effect.andThen(journal.forget(path), node)
      }
      const skipped = entry._tag === "Skipped" ? { skipped: entry.reason } : {}
      const encoded = Schema.encodeUnknownSync(result)(adds)
      return Effect.succeed({ adds, ended: { ...skipped, result: encoded, resumed: true }, isStorable: false })
    })
  })

/** Runs a step with its wrappers. Returns what it adds to the state. */
export const runStep = (step: StepNode, state: State, path: string, undos: Undos): NodeEffect<State> => {
  const { result } = step
  const name = stepLabel(step)
  // The compiler checked the state against the step's needs when the pipeline was built.
  const authored = withState(name, state, (known) => runAuthorFunction(name, step.run, () => step.run(known as never)))
  let lastAttempt: StepAttempt | undefined
  const call = Effect.withFiber((fiber) => {
    const attempt: StepAttempt = { path, undos }
    lastAttempt = attempt
    const once = Effect.provideService(authored, CurrentStep, attempt)
    return fiber.getRef(IsDryRun) ? failOnViolation(once, attempt) : once
  })
  const body = Effect.map(call, (returned): Outcome =>
    isSkipped(returned) ? { adds: returned.adds, skipped: returned.reason } : { adds: returned }
  )
  const isCached = step.wrappers.some(({ _tag }) => _tag === "Cached")
  const cache = isCached ? stepCache(step, state, path, name, undos) : undefined
  const wrapped = step.wrappers.reduce(
    (inner, wrapper) => applyWrapper(wrapper, inner, state, path, name, undos, cache),
    body
  )
  const node = Effect.map(wrapped, ({ adds, notRun = false, ...skipped }): Ended => {
    // A step that does not return what its schema describes fails with a defect.
    const encoded = result === undefined || notRun ? {} : { result: Schema.encodeUnknownSync(result)(adds) }
    return { adds, ended: { ...skipped, ...encoded }, isStorable: result !== undefined && !notRun }
  })
  const own = step.wrappers.filter((wrapper) => wrapper._tag === "Undo")
  // A resumed run could not undo a run that the step has started.
  const isUndoneWithout = () => own.length === 0 && undos.hasBelow(path)
  const store =
    result === undefined || step.reuse === false
      ? undefined
      : ({ adds, ended, isStorable }: Ended) =>
          withJournal((journal) => {
            const entry = isStorable && !isUndoneWithout() ? toEntry(result, adds, ended.skipped) : Option.none()
            return Option.isNone(entry) ? Effect.void : journal.write(path, entry.value)
          })
  const end = ({ adds, ended }: Ended) => {
    if (!("skipped" in ended)) {
      // Its own undo also undoes the runs that the last attempt has started. It does not know of earlier attempts.
      if (own.length > 0 && lastAttempt !== undefined) undos.forgetRunsOf(lastAttempt)
      for (const wrapper of own) undos.add(path, stepLabel(step), wrapper, adds, state)
    }
    return ended
  }
  const cached =
    cache === undefined
      ? node
      : Effect.uninterruptibleMask((restore) =>
          Effect.tap(restore(node), ({ ended }) =>
            "skipped" in ended ? Effect.void : Effect.suspend(() => cache.store(ended.result))
          )
        )
  const done = withNodeEvents("step", path, reuseResult(step, cached, state, path), end, result, store)
  // A step without results may return undefined.
  const added = Effect.map(done, ({ adds }) => ({ ...(adds as object | undefined) }))
  const quiet = step.wrappers.filter((wrapper) => wrapper._tag === "SkipWhen" && wrapper.quiet === true)
  if (quiet.length === 0) return added
  return Effect.flatMap(CurrentJournal, (journal) => {
    if (storedResult(step, journal, path) !== undefined) return added
    return quiet.some((wrapper) => skipReason(wrapper, state, name) !== undefined) ? Effect.succeed({}) : added
  })
}
