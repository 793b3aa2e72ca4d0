import { Context, Effect } from "effect"
import type { Command } from "../layers/processes/Command.ts"
import type { Machine } from "../layers/shell/Machine.ts"

/**
 * One action of a pipeline on a machine: it ran a command, opened an SSH connection, forwarded a port of a server, imported
 * an image into the local registry, or served the registry.
 */
export type Entry =
  | { readonly _tag: "Command"; readonly machine: Machine; readonly command: Command }
  | { readonly _tag: "Connect"; readonly machine: Machine }
  | { readonly _tag: "Forward"; readonly machine: Machine; readonly port: number }
  | {
      readonly _tag: "Import"
      readonly machine: Machine
      readonly repository: string
      readonly tag: string
      /** Such as `linux/arm64`, if it is one of several images with this tag. */
      readonly platform?: string
    }
  | { readonly _tag: "Serve"; readonly machine: Machine; readonly port: number }

/** Everything that a pipeline did with the recording layers, in order. */
export class Recording extends Context.Service<
  Recording,
  {
    readonly entries: ReadonlyArray<Entry>
    add(entry: Entry): Effect.Effect<void>
  }
>()("jiji/rehearsal/Recording") {
  /** Makes an empty recording. */
  static readonly make = (): Recording["Service"] => {
    const entries: Array<Entry> = []
    return Recording.of({ entries, add: (entry) => Effect.sync(() => void entries.push(entry)) })
  }
}
