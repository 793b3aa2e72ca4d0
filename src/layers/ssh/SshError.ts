import { Schema } from "effect"
import { ExitCode } from "../../core/Failure.ts"
import type { SecretsError } from "../secrets/SecretsError.ts"

/** Which server, and where it was looked for. */
const where = { server: Schema.String, host: Schema.String, port: Schema.Int }

const address = (error: { readonly host: string; readonly port: number }): string =>
  error.port === 22 ? error.host : `${error.host}:${error.port}`

const unreachable = {
  dns: {
    text: "its name has no address",
    remedy: "Check `host` in deploy.yml, HostName in ~/.ssh/config, and the name server."
  },
  refused: {
    text: "nothing accepts connections there",
    remedy: "Check that sshd runs on the server, and on this port."
  },
  timeout: {
    text: "it did not answer in time",
    remedy: "Check that the server is up and that no firewall drops the connection, or raise `connect_timeout`."
  },
  unroutable: { text: "there is no route to it", remedy: "Check this machine's network and the server's address." },
  reset: {
    text: "it closed the connection before the handshake was done",
    remedy: "Look into the log of sshd on the server; raise MaxStartups there if many connections start at once."
  },
  protocol: { text: "the SSH handshake failed", remedy: "Check that an up-to-date sshd is what listens on this port." },
  jump: {
    text: "its jump host did not open a way to it",
    remedy: "Check that the jump host reaches the server, and that its sshd_config says `AllowTcpForwarding yes`."
  }
} as const

/** No SSH connection could be made to a server; `reason` says how far it got. */
export class HostUnreachable extends Schema.TaggedError<HostUnreachable>()("HostUnreachable", {
  ...where,
  reason: Schema.Literals(["dns", "refused", "timeout", "unroutable", "reset", "protocol", "jump"]),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    const detail = this.cause instanceof Error ? ` (${this.cause.message})` : ""
    return `${this.server} (${address(this)}) cannot be reached: ${unreachable[this.reason].text}${detail}.`
  }
  get remedy() {
    return unreachable[this.reason].remedy
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** What `ssh-keygen -R` and known_hosts call a host. */
export const knownHostsName = (host: string, port: number): string => (port === 22 ? host : `[${host}]:${port}`)

/** A server showed another host key than the one on record. Fingerprints are as `ssh-keygen -l` prints them. */
export class HostKeyChanged extends Schema.TaggedError<HostKeyChanged>()("HostKeyChanged", {
  ...where,
  offered: Schema.String,
  known: Schema.String,
  file: Schema.String,
  line: Schema.Int
}) {
  override get message() {
    return `The host key of ${this.server} (${address(this)}) has changed: ${this.file}:${this.line} has ${this.known}, the server shows ${this.offered}.`
  }
  get remedy() {
    return `Someone may be in between. If the server was reinstalled, run: ssh-keygen -R '${knownHostsName(this.host, this.port)}' -f '${this.file}'`
  }
  get exitCode() {
    return ExitCode.permission
  }
}

/** A server showed a host key that known_hosts marks as revoked. */
export class HostKeyRevoked extends Schema.TaggedError<HostKeyRevoked>()("HostKeyRevoked", {
  ...where,
  offered: Schema.String,
  file: Schema.String,
  line: Schema.Int
}) {
  override get message() {
    return `The host key of ${this.server} (${address(this)}), ${this.offered}, is marked as revoked in ${this.file}:${this.line}.`
  }
  get remedy() {
    return "Do not connect. Give the server a new host key, and find out why this one was revoked."
  }
  get exitCode() {
    return ExitCode.permission
  }
}

/** A server's host key is not on record, and `host_keys: strict` asks for that. */
export class HostKeyUnknown extends Schema.TaggedError<HostKeyUnknown>()("HostKeyUnknown", {
  ...where,
  offered: Schema.String,
  file: Schema.String
}) {
  override get message() {
    return `The host key of ${this.server} (${address(this)}), ${this.offered}, is not in ${this.file}.`
  }
  get remedy() {
    const port = this.port === 22 ? "" : `-p ${this.port} `
    return `Compare the fingerprint on the server, then run: ssh-keyscan ${port}${this.host} >> '${this.file}'; or set \`host_keys: accept-new\`.`
  }
  get exitCode() {
    return ExitCode.permission
  }
}

/** The server let none of the keys in. `tried` and `skipped` name keys; `methods` is what the server would have taken. */
export class AuthenticationFailed extends Schema.TaggedError<AuthenticationFailed>()("AuthenticationFailed", {
  ...where,
  user: Schema.String,
  tried: Schema.Array(Schema.String),
  skipped: Schema.Array(Schema.String),
  methods: Schema.Array(Schema.String),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    const tried = this.tried.length === 0 ? "there was no key to try" : `it refused ${this.tried.join(", ")}`
    const skipped = this.skipped.length === 0 ? "" : `; not usable: ${this.skipped.join(", ")}`
    const detail = this.cause instanceof Error ? ` (${this.cause.message})` : ""
    return `${this.server} (${this.user}@${address(this)}) let nobody in: ${tried}${skipped}${detail}.`
  }
  get remedy() {
    if (this.methods.length > 0 && !this.methods.includes("publickey"))
      return `The server takes ${this.methods.join(", ")} only: set \`PubkeyAuthentication yes\` in its sshd_config.`
    return `Put the public key into ~${this.user}/.ssh/authorized_keys on the server, or name another key under \`ssh.keys\` or another user under \`ssh.user\`.`
  }
  get exitCode() {
    return ExitCode.permission
  }
}

const unusable = {
  missing: { text: "the file does not exist", remedy: "Correct the path under `keys`." },
  unreadable: {
    text: "the file cannot be read",
    remedy: "Correct its owner and mode: it must be readable for you, and only for you."
  },
  malformed: {
    text: "it is no private key that can be read",
    remedy: "Name a private key in OpenSSH's format; `ssh-keygen -p -f FILE` converts others."
  },
  "passphrase-needed": {
    text: "it is encrypted, and no passphrase is configured",
    remedy: "Name the secret that holds it under `ssh.passphrase`, or add the key to the agent with `ssh-add`."
  },
  "passphrase-wrong": {
    text: "the passphrase does not open it",
    remedy: "Correct the secret that `ssh.passphrase` names."
  }
} as const

export const KeyProblem = Schema.Literals([
  "missing",
  "unreadable",
  "malformed",
  "passphrase-needed",
  "passphrase-wrong"
])
export type KeyProblem = typeof KeyProblem.Type

/** What is wrong with a key, in a few words. */
export const keyProblemText = (problem: KeyProblem): string => unusable[problem].text

/** A key that the configuration names cannot be used. */
export class KeyUnusable extends Schema.TaggedError<KeyUnusable>()("KeyUnusable", {
  file: Schema.String,
  reason: KeyProblem,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return `The key ${this.file} cannot be used: ${unusable[this.reason].text}.`
  }
  get remedy() {
    return unusable[this.reason].remedy
  }
  get exitCode() {
    return ExitCode.permission
  }
}

/** A file of the SSH client, known_hosts or ~/.ssh/config, cannot be read or written. */
export class SshFileUnusable extends Schema.TaggedError<SshFileUnusable>()("SshFileUnusable", {
  file: Schema.String,
  operation: Schema.Literals(["read", "write", "parse"]),
  cause: Schema.Defect()
}) {
  override get message() {
    const verb = { read: "read", write: "written", parse: "understood" }[this.operation]
    const detail = this.cause instanceof Error ? `: ${this.cause.message}` : ""
    return `${this.file} cannot be ${verb}${detail}.`
  }
  get remedy() {
    return this.operation === "parse"
      ? "Correct the file; `ssh -G HOST` shows what OpenSSH makes of it."
      : "Correct the owner and mode of the file and its folder."
  }
  get exitCode() {
    return this.operation === "parse" ? ExitCode.configuration : ExitCode.permission
  }
}

/**
 * `known_hosts` names a file of another name, which no host key is written to: in authorized_keys for one, a server's key
 * would let somebody in.
 */
export class KnownHostsMisnamed extends Schema.TaggedError<KnownHostsMisnamed>()("KnownHostsMisnamed", {
  file: Schema.String,
  path: Schema.String
}) {
  override get message() {
    const what = this.path === this.file ? "it" : `it leads to ${this.path}, which`
    return `No host key is recorded in ${this.file}: ${what} does not have known_hosts in its name.`
  }
  get remedy() {
    return "Name another file under `ssh.known_hosts`, one with known_hosts in its name."
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

/** A jump host is written in a way that has no meaning, or leads back to itself. */
export class ProxyInvalid extends Schema.TaggedError<ProxyInvalid>()("ProxyInvalid", {
  server: Schema.String,
  proxy: Schema.String,
  problem: Schema.Literals(["syntax", "loop"])
}) {
  override get message() {
    return this.problem === "syntax"
      ? `The jump host "${this.proxy}" of ${this.server} is not of the form [user@]host[:port].`
      : `The jump hosts of ${this.server} lead in a circle: ${this.proxy}.`
  }
  get remedy() {
    return "Correct `proxy` in deploy.yml or ProxyJump in ~/.ssh/config."
  }
  get exitCode() {
    return ExitCode.configuration
  }
}

/** A connection that was open is gone; everything that ran on it is lost with it. */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>()("ConnectionLost", {
  server: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    const detail = this.cause instanceof Error ? `: ${this.cause.message}` : ""
    return `The connection to ${this.server} was lost${detail}.`
  }
  get remedy() {
    return "Check the network and the server, then run the same command again: it goes on where this one stopped."
  }
  get exitCode() {
    return ExitCode.unavailable
  }
}

/** The server does not open a port for a reverse forward, neither the wanted one nor any other. */
export class ForwardRefused extends Schema.TaggedError<ForwardRefused>()("ForwardRefused", {
  server: Schema.String,
  port: Schema.Int,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return `${this.server} refuses to forward its port ${this.port}, and any other one, to this machine.`
  }
  get remedy() {
    const port = this.port < 1024 ? ", and choose a port above 1023 under `builder.registry.port`" : ""
    return `Set \`AllowTcpForwarding yes\` in /etc/ssh/sshd_config on the server and restart sshd there${port}.`
  }
  get exitCode() {
    return ExitCode.permission
  }
}

/** The server does not start a command at all. */
export class RemoteExecFailed extends Schema.TaggedError<RemoteExecFailed>()("RemoteExecFailed", {
  server: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    const detail = this.cause instanceof Error ? `: ${this.cause.message}` : ""
    return `${this.server} does not start commands${detail}.`
  }
  get remedy() {
    return "Check that the user has a login shell on the server, and that MaxSessions in its sshd_config is not 0."
  }
  get exitCode() {
    return ExitCode.failed
  }
}

/** Every way in which work on a server can fail before a command has run. */
export type SshError =
  | HostUnreachable
  | HostKeyChanged
  | HostKeyRevoked
  | HostKeyUnknown
  | AuthenticationFailed
  | KeyUnusable
  | SshFileUnusable
  | KnownHostsMisnamed
  | ProxyInvalid
  | SecretsError
  | ConnectionLost
  | RemoteExecFailed
