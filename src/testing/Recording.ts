import { Context, Effect, Layer, Stream } from "effect"
import { type Command, CommandFailed, type Output } from "../layers/Command.ts"
import { LocalRegistry } from "../layers/LocalRegistry.ts"
import { label, local, type Machine, remote } from "../layers/Machine.ts"
import { RegistryContainer } from "../layers/RegistryContainer.ts"
import { Shell } from "../layers/Shell.ts"
import { Ssh } from "../layers/Ssh.ts"

/** One thing that a pipeline would do on a machine: run a command, or what has no command line. */
export type Entry =
  | { readonly _tag: "Command"; readonly machine: Machine; readonly command: Command }
  | { readonly _tag: "Connect"; readonly machine: Machine }
  | { readonly _tag: "Forward"; readonly machine: Machine; readonly port: number }
  | { readonly _tag: "Import"; readonly machine: Machine; readonly repository: string; readonly tag: string }
  | { readonly _tag: "Serve"; readonly machine: Machine; readonly port: number }

/** Answers a command in place of the machine that it is for. */
export type Answer = (machine: Machine, command: Command) => Output

/** Everything that a pipeline did over the recording layers, in order. */
export class Recording extends Context.Service<
  Recording,
  {
    readonly entries: ReadonlyArray<Entry>
    add(entry: Entry): Effect.Effect<void>
  }
>()("jiji/testing/Recording") {
  static readonly layer = Layer.sync(Recording, () => {
    const entries: Array<Entry> = []
    return Recording.of({ entries, add: (entry) => Effect.sync(() => void entries.push(entry)) })
  })
}

/** A shell that runs nothing: it writes commands down and answers from a script. */
const shell = (answer: Answer) =>
  Layer.effect(
    Shell,
    Effect.gen(function* () {
      const recording = yield* Recording
      const run = (machine: Machine, command: Command) =>
        Effect.as(recording.add({ _tag: "Command", machine, command }), answer(machine, command))
      return Shell.of({
        run,
        bytes: (machine, command) =>
          Stream.unwrap(
            Effect.map(run(machine, command), ({ exitCode, stderr, stdout }) => {
              const failed = { machine: label(machine), program: command.words[0], code: exitCode, stderr }
              return exitCode === 0 ? Stream.make(Buffer.from(stdout)) : Stream.fail(new CommandFailed(failed))
            })
          )
      })
    })
  )

/** Servers that are always there, and that nothing is asked of. */
const ssh = Layer.effect(
  Ssh,
  Effect.gen(function* () {
    const recording = yield* Recording
    return Ssh.of({
      connect: (server) => Effect.as(recording.add({ _tag: "Connect", machine: remote(server) }), { isNew: false }),
      exec: () => Effect.die(new Error("commands go through the Shell")),
      forward: (server, { port }) =>
        Effect.as(recording.add({ _tag: "Forward", machine: remote(server), port }), {
          port,
          lost: Effect.never,
          carried: Effect.succeed(0)
        })
    })
  })
)

/** A local registry that has nothing, and takes everything. The digests are made up from the image's id. */
const registry = Layer.effect(
  LocalRegistry,
  Effect.gen(function* () {
    const recording = yield* Recording
    return LocalRegistry.of({
      find: () => Effect.succeedNone,
      add: Effect.fnUntraced(function* ({ archive, imageId, repository, tag }) {
        yield* Stream.runDrain(archive)
        yield* recording.add({ _tag: "Import", machine: local, repository, tag })
        return { digest: imageId, imageId, size: 0, added: 0, layers: [] }
      }),
      folder: Effect.succeed("/var/lib/jiji"),
      contents: Effect.succeed({ tags: [], size: 0 }),
      clear: Effect.void,
      serve: ({ port }) => Effect.as(recording.add({ _tag: "Serve", machine: local, port }), { port })
    })
  })
)

/** Layers that record what a pipeline does, and touch nothing: no command, no connection, no file. */
export const layer = (answer: Answer) =>
  Layer.mergeAll(
    RegistryContainer.asking(() => Effect.succeed(true)),
    ssh,
    registry
  ).pipe(Layer.provideMerge(shell(answer)), Layer.provideMerge(Recording.layer))
