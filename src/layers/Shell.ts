import { Context, type Effect, type Redacted, type Stream } from "effect"
import type { Machine } from "./Machine.ts"
import type { SshError } from "./Ssh.ts"

/**
 * A program and its arguments. They are words, never parsed by a shell. Secrets travel in `env` or `stdin`, which reach
 * no command line on either machine.
 */
export interface Command {
  readonly words: readonly [program: string, ...args: ReadonlyArray<string>]
  readonly env?: Readonly<Record<string, string | Redacted.Redacted<string>>>
  readonly stdin?: string | Redacted.Redacted<string>
  /** Publishes each line of output as an event while the command runs. */
  readonly show?: boolean
}
