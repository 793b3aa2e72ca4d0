import { Deferred, Duration, Effect, Schema, Stream } from "effect"
import type { Command, Output } from "../../processes/Command.ts"
import { defineScript } from "../../processes/Script.ts"
import text from "./remote-build.sh" with { type: "text" }

/** What the machine lacks, if the script said so. A step of the build may exit with the same code. */
export const lackOf = ({ exitCode, stderr }: Output): "engine" | "tar" | undefined => {
  if (!/^jiji: \S+ is not installed$/m.test(stderr)) return undefined
  return exitCode === 41 ? "engine" : exitCode === 42 ? "tar" : undefined
}

/** Builds an image from a context on stdin, a tar archive. The words are those of the engine, with paths of the archive. */
export const remoteBuild = defineScript({
  name: "remote-build",
  text,
  args: { engine: Schema.Literals(["docker", "podman"]) },
  answer: () => Effect.void,
  usual: () => "",
  byHand: (_, words) => [["tar", "-x", "-p", "-f", "-"], words]
})

/** What the script does when jiji stops it. */
export const buildCleanup = (service: string): NonNullable<Command["cleanup"]> => ({
  timeout: Duration.seconds(20),
  text: () => `stopping the build of ${service} and removing its files`
})

/**
 * Runs a command with an input that may fail. Then the command does not get the end of it, but is stopped, so that it does not
 * go on with a part of it.
 */
export const withFailingInput = <A, E, E2>(
  input: Stream.Stream<Uint8Array, E>,
  run: (input: Stream.Stream<Uint8Array>) => Effect.Effect<A, E2>
): Effect.Effect<A, E | E2> =>
  Effect.gen(function* () {
    const failed = yield* Deferred.make<never, E>()
    const sent = Stream.catch(input, (error) =>
      Stream.concat(Stream.drain(Stream.fromEffect(Deferred.fail(failed, error))), Stream.never)
    )
    return yield* Effect.raceFirst(run(sent), Deferred.await(failed))
  })
