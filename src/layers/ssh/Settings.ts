import { Context, Duration } from "effect"
import { homeFolder } from "../../core/homeFolder.ts"
import { localUser } from "./localUser.ts"

/** The SSH client's local environment and its limits. */
export interface SshSettings {
  /** The folder that contains `.ssh`. */
  readonly home: string
  /** The folder of OpenSSH's system-wide files. */
  readonly system: string
  /** The default user to log in as. */
  readonly user: string
  /** The path of the SSH agent's socket. */
  readonly agent: string | undefined
  /** The variables that ssh_config may refer to. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Sends a keep-alive request every `interval`, and closes a connection that misses `count` replies in a row. */
  readonly keepAlive: { readonly interval: Duration.Duration; readonly count: number }
  /** The number of handshakes that run at the same time; by default as many as this machine can bear. */
  readonly maxHandshakes?: number
  /** The number of commands that run at the same time on one connection. sshd's default MaxSessions is 10. */
  readonly maxSessions: number
  /** How long to wait for a command to exit after its scope closes, before closing its channel. */
  readonly stopTimeout: Duration.Duration
}

export const SshSettings = Context.Reference<SshSettings>("jiji/layers/ssh/Settings", {
  defaultValue: () => ({
    home: homeFolder(),
    system: "/etc/ssh",
    user: localUser(),
    agent: process.env["SSH_AUTH_SOCK"],
    environment: process.env,
    keepAlive: { interval: Duration.seconds(15), count: 3 },
    maxSessions: 8,
    stopTimeout: Duration.seconds(3)
  })
})
