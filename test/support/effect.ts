import { test } from "bun:test"
import { Cause, Effect, Exit, Layer, type Scope } from "effect"
import { TestClock, TestConsole } from "effect/testing"

type TestServices = TestClock.TestClock | TestConsole.TestConsole | Scope.Scope

const TestEnv = Layer.mergeAll(TestClock.layer({ warningDelay: "30 seconds" }), TestConsole.layer)

const run = async <E>(effect: Effect.Effect<unknown, E>): Promise<void> => {
  const exit = await Effect.runPromiseExit(effect)
  if (Exit.isFailure(exit)) throw Cause.prettyErrors(exit.cause)[0] ?? Cause.squash(exit.cause)
}

/** `bun:test` for effects: a scope of its own for every test; a failed exit fails the test with its cause. */
export const it = {
  /** Runs with virtual time and a recorded console. */
  effect: <E>(name: string, body: () => Effect.Effect<unknown, E, TestServices>, timeout?: number) =>
    test(name, () => run(Effect.scoped(Effect.suspend(body)).pipe(Effect.provide(TestEnv))), timeout),
  /** Runs with the real clock and console. */
  live: <E>(name: string, body: () => Effect.Effect<unknown, E, Scope.Scope>, timeout?: number) =>
    test(name, () => run(Effect.scoped(Effect.suspend(body))), timeout)
}
