import { Context, Duration } from "effect"
import { homedir } from "node:os"
import { localUser } from "./localUser.ts"

/** What the SSH client takes from the machine and the user it runs as, and the bounds it keeps. */
export interface SshSettings {
  /** Where `.ssh` is. */
  readonly home: string
  /** Who logs in where nothing else says so. */
  readonly user: string
  /** The socket of the user's agent. */
  readonly agent: string | undefined
  /** A connection that leaves `count` questions in a row unanswered, one every `interval`, is given up. */
  readonly keepAlive: { readonly interval: Duration.Duration; readonly count: number }
  /** How many handshakes run at the same time. */
  readonly starts: number
  /** How many commands run at the same time on one connection: sshd allows 10 unless told otherwise. */
  readonly sessions: number
  /** How long a command may take to end by itself once its scope is closed. */
  readonly grace: Duration.Duration
}

export const SshSettings = Context.Reference<SshSettings>("jiji/layers/ssh/Settings", {
  defaultValue: () => ({
    home: process.env["HOME"] ?? homedir(),
    user: localUser(),
    agent: process.env["SSH_AUTH_SOCK"],
    keepAlive: { interval: Duration.seconds(15), count: 3 },
    starts: 30,
    sessions: 8,
    grace: Duration.seconds(3)
  })
})
