import { Schema } from "effect"
import { accessDenied, defineError } from "../../core/defineError.ts"
import type { SecretsError } from "../secrets/SecretsError.ts"

/** Which server, and where it was looked for. */
const where = { server: Schema.String, host: Schema.String, port: Schema.Int }

// Shared by the samples.
const host = { server: "web1", host: "203.0.113.10", port: 22 }
const fingerprint = "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"

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
export class HostUnreachable extends defineError<HostUnreachable>()("HostUnreachable", {
  fields: {
    ...where,
    reason: Schema.Literals(["dns", "refused", "timeout", "unroutable", "reset", "protocol", "jump"]),
    cause: Schema.optionalKey(Schema.Defect())
  },
  message: (e) => {
    const detail = e.cause instanceof Error ? ` (${e.cause.message})` : ""
    return `${e.server} (${address(e)}) cannot be reached: ${unreachable[e.reason].text}${detail}.`
  },
  remedy: ({ reason }) => unreachable[reason].remedy,
  exitCode: "unavailable",
  sample: { ...host, reason: "timeout" }
}) {}

/** What `ssh-keygen -R` and known_hosts call a host. */
export const knownHostsName = (host: string, port: number): string => (port === 22 ? host : `[${host}]:${port}`)

/** A server showed another host key than the one on record. Fingerprints are as `ssh-keygen -l` prints them. */
export class HostKeyChanged extends defineError<HostKeyChanged>()("HostKeyChanged", {
  fields: { ...where, offered: Schema.String, known: Schema.String, file: Schema.String, line: Schema.Int },
  message: (e) =>
    `The host key of ${e.server} (${address(e)}) has changed: ${e.file}:${e.line} has ${e.known}, the server shows ${e.offered}.`,
  remedy: ({ host, port, file }) =>
    `Someone may be in between. If the server was reinstalled, run: ssh-keygen -R '${knownHostsName(host, port)}' -f '${file}'`,
  exitCode: "permission",
  sample: {
    ...host,
    offered: fingerprint,
    known: "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDPSBfN91dbSUo5Mzs",
    file: "~/.ssh/known_hosts",
    line: 12
  }
}) {}

/** A server showed a host key that known_hosts marks as revoked. */
export class HostKeyRevoked extends defineError<HostKeyRevoked>()("HostKeyRevoked", {
  fields: { ...where, offered: Schema.String, file: Schema.String, line: Schema.Int },
  message: (e) =>
    `The host key of ${e.server} (${address(e)}), ${e.offered}, is marked as revoked in ${e.file}:${e.line}.`,
  remedy: "Do not connect. Give the server a new host key, and find out why this one was revoked.",
  exitCode: "permission",
  sample: { ...host, offered: fingerprint, file: "~/.ssh/known_hosts", line: 12 }
}) {}

/** A server's host key is not on record, and `host_keys: strict` asks for that. */
export class HostKeyUnknown extends defineError<HostKeyUnknown>()("HostKeyUnknown", {
  fields: { ...where, offered: Schema.String, file: Schema.String },
  message: (e) => `The host key of ${e.server} (${address(e)}), ${e.offered}, is not in ${e.file}.`,
  remedy: (e) => {
    const port = e.port === 22 ? "" : `-p ${e.port} `
    return `Compare the fingerprint on the server, then run: ssh-keyscan ${port}${e.host} >> '${e.file}'; or set \`host_keys: accept-new\`.`
  },
  exitCode: "permission",
  sample: { ...host, offered: fingerprint, file: "~/.ssh/known_hosts" }
}) {}

/** The server let none of the keys in. `tried` and `skipped` name keys; `methods` is what the server would have taken. */
export class AuthenticationFailed extends defineError<AuthenticationFailed>()("AuthenticationFailed", {
  fields: {
    ...where,
    user: Schema.String,
    tried: Schema.Array(Schema.String),
    skipped: Schema.Array(Schema.String),
    methods: Schema.Array(Schema.String),
    cause: Schema.optionalKey(Schema.Defect())
  },
  message: (e) => {
    const tried = e.tried.length === 0 ? "there was no key to try" : `it refused ${e.tried.join(", ")}`
    const skipped = e.skipped.length === 0 ? "" : `; not usable: ${e.skipped.join(", ")}`
    const detail = e.cause instanceof Error ? ` (${e.cause.message})` : ""
    return `${e.server} (${e.user}@${address(e)}) let nobody in: ${tried}${skipped}${detail}.`
  },
  remedy: ({ methods, user }) => {
    if (methods.length > 0 && !methods.includes("publickey"))
      return `The server takes ${methods.join(", ")} only: set \`PubkeyAuthentication yes\` in its sshd_config.`
    return `Put the public key into ~${user}/.ssh/authorized_keys on the server, or name another key under \`ssh.keys\` or another user under \`ssh.user\`.`
  },
  exitCode: "permission",
  sample: { ...host, user: "deploy", tried: ["~/.ssh/id_ed25519"], skipped: [], methods: ["publickey"] }
}) {}

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
export class KeyUnusable extends defineError<KeyUnusable>()("KeyUnusable", {
  fields: { file: Schema.String, reason: KeyProblem, cause: Schema.optionalKey(Schema.Defect()) },
  message: ({ file, reason }) => `The key ${file} cannot be used: ${unusable[reason].text}.`,
  remedy: ({ reason }) => unusable[reason].remedy,
  exitCode: "permission",
  sample: { file: "~/.ssh/id_ed25519", reason: "passphrase-needed" }
}) {}

/** A file of the SSH client, known_hosts or ~/.ssh/config, cannot be read or written. */
export class SshFileUnusable extends defineError<SshFileUnusable>()("SshFileUnusable", {
  fields: { file: Schema.String, operation: Schema.Literals(["read", "write", "parse"]), cause: Schema.Defect() },
  message: ({ operation, cause, file }) => {
    const verb = { read: "read", write: "written", parse: "understood" }[operation]
    const detail = cause instanceof Error ? `: ${cause.message}` : ""
    return `${file} cannot be ${verb}${detail}.`
  },
  remedy: ({ operation }) =>
    operation === "parse"
      ? "Correct the file; `ssh -G HOST` shows what OpenSSH makes of it."
      : "Correct the owner and mode of the file and its folder.",
  exitCode: ({ operation }) => (operation === "parse" ? "configuration" : "permission"),
  sample: { file: "~/.ssh/known_hosts", operation: "write", cause: accessDenied("~/.ssh/known_hosts") }
}) {}

/**
 * `known_hosts` names a file of another name, which no host key is written to: in authorized_keys for one, a server's key
 * would let somebody in.
 */
export class KnownHostsMisnamed extends defineError<KnownHostsMisnamed>()("KnownHostsMisnamed", {
  fields: { file: Schema.String, path: Schema.String },
  message: ({ path, file }) => {
    const what = path === file ? "it" : `it leads to ${path}, which`
    return `No host key is recorded in ${file}: ${what} does not have known_hosts in its name.`
  },
  remedy: "Name another file under `ssh.known_hosts`, one with known_hosts in its name.",
  exitCode: "configuration",
  sample: { file: "~/.ssh/known_hosts", path: "~/.ssh/authorized_keys" }
}) {}

/** A jump host is written in a way that has no meaning, or leads back to itself. */
export class ProxyInvalid extends defineError<ProxyInvalid>()("ProxyInvalid", {
  fields: { server: Schema.String, proxy: Schema.String, problem: Schema.Literals(["syntax", "loop"]) },
  message: ({ problem, proxy, server }) =>
    problem === "syntax"
      ? `The jump host "${proxy}" of ${server} is not of the form [user@]host[:port].`
      : `The jump hosts of ${server} lead in a circle: ${proxy}.`,
  remedy: "Correct `proxy` in deploy.yml or ProxyJump in ~/.ssh/config.",
  exitCode: "configuration",
  sample: { server: "web1", proxy: "web1", problem: "loop" }
}) {}

/** A connection that was open is gone; everything that ran on it is lost with it. */
export class ConnectionLost extends defineError<ConnectionLost>()("ConnectionLost", {
  fields: { server: Schema.String, cause: Schema.optionalKey(Schema.Defect()) },
  message: ({ cause, server }) => {
    const detail = cause instanceof Error ? `: ${cause.message}` : ""
    return `The connection to ${server} was lost${detail}.`
  },
  remedy: "Check the network and the server, then run the same command again: it goes on where this one stopped.",
  exitCode: "unavailable",
  sample: { server: "web1" }
}) {}

/** The server does not open a port for a reverse forward, neither the wanted one nor any other. */
export class ForwardRefused extends defineError<ForwardRefused>()("ForwardRefused", {
  fields: { server: Schema.String, port: Schema.Int, cause: Schema.optionalKey(Schema.Defect()) },
  message: ({ server, port }) => `${server} refuses to forward its port ${port}, and any other one, to this machine.`,
  remedy: (e) => {
    const port = e.port < 1024 ? ", and choose a port above 1023 under `builder.registry.port`" : ""
    return `Set \`AllowTcpForwarding yes\` in /etc/ssh/sshd_config on the server and restart sshd there${port}.`
  },
  exitCode: "permission",
  sample: { server: "web1", port: 9270 }
}) {}

/** The server does not start a command at all. */
export class RemoteExecFailed extends defineError<RemoteExecFailed>()("RemoteExecFailed", {
  fields: { server: Schema.String, cause: Schema.optionalKey(Schema.Defect()) },
  message: ({ cause, server }) => {
    const detail = cause instanceof Error ? `: ${cause.message}` : ""
    return `${server} does not start commands${detail}.`
  },
  remedy: "Check that the user has a login shell on the server, and that MaxSessions in its sshd_config is not 0.",
  exitCode: "failed",
  sample: { server: "web1" }
}) {}

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
