import { Schema, Struct } from "effect"
import { accessDenied, defineError } from "../../core/defineError.ts"
import { isSystemError, systemErrorRemedy, systemErrorText } from "../../core/systemError.ts"
import type { SecretsError } from "../secrets/SecretsError.ts"

/** The server's name in deploy.yml, and the address that jiji connected to. */
const where = { server: Schema.String, host: Schema.String, port: Schema.Int }
const cause = Schema.optionalKey(Schema.Defect())

// Shared by the samples.
const web1 = { server: "web1", host: "203.0.113.10", port: 22 }
const offered = "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"
const knownHosts = "/home/me/.ssh/known_hosts"

const address = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  port === 22 ? host : `${host}:${port}`

// What the system or the SSH library reports.
const inParentheses = (cause: unknown): string => (cause instanceof Error ? ` (${cause.message})` : "")
const afterColon = (cause: unknown): string => (cause instanceof Error ? `: ${cause.message}` : "")

const unreachable = {
  dns: {
    text: "the host name cannot be resolved",
    remedy: "Check `host` in deploy.yml, HostName in ~/.ssh/config, and this machine's DNS."
  },
  refused: {
    text: "the connection was refused",
    remedy: "Check that sshd is running on the server and listens on this port."
  },
  timeout: {
    text: "the connection timed out",
    remedy: "Check that the server is up and that no firewall blocks the connection, or raise `connect_timeout`."
  },
  unroutable: { text: "there is no route to it", remedy: "Check this machine's network and the server's address." },
  reset: {
    text: "the server closed the connection during the handshake",
    remedy: "Check sshd's log on the server. If many connections start at once, raise MaxStartups in its sshd_config."
  },
  protocol: { text: "the SSH handshake failed", remedy: "Check that sshd listens on this port, and look at its log." },
  "short-key": {
    text: "its RSA host key is shorter than RequiredRSASize allows",
    remedy: "Give the server a longer RSA host key or one of type ed25519, or correct RequiredRSASize in ~/.ssh/config."
  },
  proxy: {
    text: "the ProxyCommand in ~/.ssh/config ended",
    remedy: "Run the command by hand, with `ssh -v HOST`, and correct it in ~/.ssh/config."
  },
  jump: {
    text: "the jump host cannot connect to it",
    remedy: "Check that the jump host can reach the server, and that its sshd_config has `AllowTcpForwarding yes`."
  }
} as const

/** jiji could not open an SSH connection to a server. */
export class HostUnreachable extends defineError<HostUnreachable>()("HostUnreachable", {
  fields: { ...where, reason: Schema.Literals(Struct.keys(unreachable)), cause },
  message: (e) =>
    `${e.server} (${address(e)}) cannot be reached: ${unreachable[e.reason].text}${inParentheses(e.cause)}.`,
  remedy: (e) => unreachable[e.reason].remedy,
  exitCode: "unavailable",
  sample: { ...web1, reason: "timeout" }
}) {}

const algorithmKinds = {
  "key exchange": "KexAlgorithms",
  "host key": "HostKeyAlgorithms",
  cipher: "Ciphers",
  MAC: "MACs"
} as const

export const AlgorithmKind = Schema.Literals(Struct.keys(algorithmKinds))
export type AlgorithmKind = typeof AlgorithmKind.Type

/** A server and jiji have no algorithm of some kind in common. */
export class NoCommonAlgorithm extends defineError<NoCommonAlgorithm>()("NoCommonAlgorithm", {
  fields: {
    ...where,
    kind: AlgorithmKind,
    offered: Schema.Array(Schema.String),
    /** What jiji could use. */
    supported: Schema.Array(Schema.String)
  },
  message: (e) =>
    `${e.server} (${address(e)}) and jiji have no ${e.kind} algorithm in common: the server offers ${e.offered.join(", ")}.`,
  remedy: (e) =>
    `Allow one that jiji has under ${algorithmKinds[e.kind]} in the server's sshd_config: ${e.supported.join(", ")}. If ~/.ssh/config has ${algorithmKinds[e.kind]}, check it too.`,
  exitCode: "unavailable",
  sample: {
    ...web1,
    kind: "key exchange",
    offered: ["mlkem768x25519-sha256", "sntrup761x25519-sha512@openssh.com"],
    supported: ["curve25519-sha256", "ecdh-sha2-nistp256"]
  }
}) {}

/** The name of a host in known_hosts, which `ssh-keygen -R` takes too. */
export const knownHostsName = (host: string, port: number): string => (port === 22 ? host : `[${host}]:${port}`)

/** A server's host key differs from the one in known_hosts. Fingerprints have the format of `ssh-keygen -l`. */
export class HostKeyChanged extends defineError<HostKeyChanged>()("HostKeyChanged", {
  fields: {
    ...where,
    offered: Schema.String,
    known: Schema.String,
    file: Schema.String,
    line: Schema.Int,
    /** The server's name in known_hosts, if it is not the address. */
    alias: Schema.optionalKey(Schema.String)
  },
  message: (e) =>
    `The host key of ${e.server} (${address(e)}) has changed: ${e.file}:${e.line} has ${e.known}, but the server sent ${e.offered}.`,
  remedy: (e) =>
    `Someone may be intercepting the connection. If the server was reinstalled, remove the old key: ssh-keygen -R '${e.alias ?? knownHostsName(e.host, e.port)}' -f '${e.file}'`,
  exitCode: "permission",
  sample: { ...web1, offered, known: "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDPSBfN91dbSUo5Mzs", file: knownHosts, line: 12 }
}) {}

/** known_hosts marks a server's host key as revoked. */
export class HostKeyRevoked extends defineError<HostKeyRevoked>()("HostKeyRevoked", {
  fields: { ...where, offered: Schema.String, file: Schema.String, line: Schema.Int },
  message: (e) =>
    `The host key of ${e.server} (${address(e)}), ${e.offered}, is marked as revoked in ${e.file}:${e.line}.`,
  remedy: "Do not connect. Find out why the key was revoked, and give the server a new one.",
  exitCode: "permission",
  sample: { ...web1, offered, file: knownHosts, line: 12 }
}) {}

/** The command that adds a server's key to known_hosts. */
const keyscan = (e: {
  readonly host: string
  readonly port: number
  readonly file: string
  readonly alias?: string
}): string => {
  const rename = e.alias === undefined ? "" : ` | sed 's/^[^# ]*/${e.alias}/'`
  return `ssh-keyscan ${e.port === 22 ? "" : `-p ${e.port} `}${e.host}${rename} >> '${e.file}'`
}

/** A server's host key is not in known_hosts, and `host_keys: strict` requires it to be. */
export class HostKeyUnknown extends defineError<HostKeyUnknown>()("HostKeyUnknown", {
  fields: { ...where, offered: Schema.String, file: Schema.String, alias: Schema.optionalKey(Schema.String) },
  message: (e) =>
    `The host key of ${e.server} (${address(e)}), ${e.offered}, is not in ${e.file}${e.alias === undefined ? "" : ` under the name ${e.alias}`}.`,
  remedy: (e) =>
    `Compare it with the fingerprint on the server, then run \`${keyscan(e)}\`, or set \`host_keys: accept-new\`.`,
  exitCode: "permission",
  sample: { ...web1, offered, file: knownHosts }
}) {}

/** known_hosts has only a certificate authority for a server, and jiji cannot verify host certificates. */
export class HostCertificateUnsupported extends defineError<HostCertificateUnsupported>()(
  "HostCertificateUnsupported",
  {
    fields: {
      ...where,
      offered: Schema.String,
      /** The file and line of the certificate authority. */
      authority: Schema.String,
      /** Where to add the server's key. */
      file: Schema.String,
      alias: Schema.optionalKey(Schema.String)
    },
    message: (e) =>
      `${e.authority} has a certificate authority for ${e.server} (${address(e)}), but jiji cannot verify host certificates, and the server's own key, ${e.offered}, is not in known_hosts.`,
    remedy: (e) =>
      `Compare the key with the fingerprint on the server, then add it beside the authority: \`${keyscan(e)}\`.`,
    exitCode: "permission",
    sample: { ...web1, offered, authority: "/etc/ssh/ssh_known_hosts:1", file: knownHosts }
  }
) {}

/** The server rejected every key, or there was no key to try. */
export class AuthenticationFailed extends defineError<AuthenticationFailed>()("AuthenticationFailed", {
  fields: {
    ...where,
    user: Schema.String,
    tried: Schema.Array(Schema.String),
    /** Keys that could not be used, each with the reason. */
    skipped: Schema.Array(Schema.String),
    /** The authentication methods that the server accepts. */
    methods: Schema.Array(Schema.String),
    cause
  },
  message: (e) => {
    const tried = e.tried.length === 0 ? "there was no key to try" : `the server rejected ${e.tried.join(", ")}`
    const skipped = e.skipped.length === 0 ? "" : `; not usable: ${e.skipped.join(", ")}`
    return `${e.server} (${e.user}@${address(e)}): authentication failed; ${tried}${skipped}${inParentheses(e.cause)}.`
  },
  remedy: (e) =>
    e.methods.length > 0 && !e.methods.includes("publickey")
      ? `The server accepts only ${e.methods.join(", ")}: set \`PubkeyAuthentication yes\` in its sshd_config.`
      : `Add the public key to ~${e.user}/.ssh/authorized_keys on the server, or set another key under \`ssh.keys\` or another user under \`ssh.user\`.`,
  exitCode: "permission",
  sample: { ...web1, user: "deploy", tried: ["~/.ssh/id_ed25519"], skipped: [], methods: ["publickey"] }
}) {}

const unusable = {
  missing: { text: "the file does not exist", remedy: "Correct the path under `keys`." },
  unreadable: { text: "the file cannot be read", remedy: "Correct its owner and mode: only your user may read it." },
  "public-only": {
    text: "it is a public key, and the agent does not have its private key",
    remedy: "Add the private key to the agent, or use the path of the private key."
  },
  certificate: {
    text: "jiji cannot log in with certificates",
    remedy: "Add the plain public key to authorized_keys on the server."
  },
  disallowed: {
    text: "PubkeyAcceptedAlgorithms or RequiredRSASize in ~/.ssh/config does not allow it",
    remedy: "Use a key that ~/.ssh/config allows."
  },
  malformed: {
    text: "it is not a valid private key",
    remedy: "Use a private key in OpenSSH format; `ssh-keygen -p -f FILE` converts other formats."
  },
  "passphrase-needed": {
    text: "it is encrypted and no passphrase is configured",
    remedy: "Set `ssh.passphrase` to the name of the passphrase's secret, or add the key to the agent with `ssh-add`."
  },
  "passphrase-wrong": { text: "the passphrase is wrong", remedy: "Correct the secret that `ssh.passphrase` names." }
} as const

export const KeyProblem = Schema.Literals(Struct.keys(unusable))
export type KeyProblem = typeof KeyProblem.Type

/** What is wrong with a key, in a few words. */
export const keyProblemText = (problem: KeyProblem): string => unusable[problem].text

/** A key from the configuration cannot be used. */
export class KeyUnusable extends defineError<KeyUnusable>()("KeyUnusable", {
  fields: { file: Schema.String, reason: KeyProblem, cause },
  message: (e) =>
    `The SSH key ${e.file} cannot be used: ${e.reason === "unreadable" && isSystemError(e.cause) ? `it cannot be read: ${systemErrorText(e.cause, e.file)}` : unusable[e.reason].text}.`,
  remedy: (e) =>
    e.reason === "unreadable" && isSystemError(e.cause)
      ? systemErrorRemedy(e.cause, e.file)
      : unusable[e.reason].remedy,
  exitCode: "permission",
  sample: { file: "~/.ssh/id_ed25519", reason: "passphrase-needed" }
}) {}

/** known_hosts or ~/.ssh/config cannot be read or written. */
export class SshFileUnusable extends defineError<SshFileUnusable>()("SshFileUnusable", {
  fields: { file: Schema.String, operation: Schema.Literals(["read", "write", "parse"]), cause: Schema.Defect() },
  message: (e) =>
    `${e.file} cannot be ${{ read: "read", write: "written", parse: "parsed" }[e.operation]}${isSystemError(e.cause) ? `: ${systemErrorText(e.cause, e.file)}` : afterColon(e.cause)}.`,
  remedy: (e) =>
    e.operation === "parse"
      ? "Correct the file; `ssh -G HOST` shows how OpenSSH reads it."
      : systemErrorRemedy(e.cause, e.file),
  exitCode: (e) => (e.operation === "parse" ? "configuration" : "permission"),
  sample: [
    { file: knownHosts, operation: "write", cause: accessDenied(knownHosts) },
    { file: "~/.ssh/config", operation: "parse", cause: new Error("Unexpected line break at Host") }
  ]
}) {}

const rejected = {
  unsupported: {
    text: (option: string, detail: string) => `jiji does not support ${option}${detail}`,
    remedy: "Remove the option, or move it to a Host block that does not match this server."
  },
  undecided: {
    text: (option: string, detail: string) => `jiji does not evaluate ${option}${detail}`,
    remedy:
      "Put a criterion before it that excludes this server, such as `originalhost`, or set the same option above this block or in deploy.yml."
  },
  unknown: {
    text: (option: string) => `${option} is not an option of OpenSSH`,
    remedy: "Correct its spelling, or add it to IgnoreUnknown above this line."
  },
  invalid: {
    text: (option: string, detail: string) => `${option} is not valid${detail}`,
    remedy: "Correct the line; `ssh -G HOST` shows how OpenSSH reads it."
  }
} as const

/** ~/.ssh/config or a file that it includes has an option for a server that jiji cannot honor. jiji never ignores such an option. */
export class SshConfigRejected extends defineError<SshConfigRejected>()("SshConfigRejected", {
  fields: {
    file: Schema.String,
    line: Schema.Int,
    /** As written in the file. */
    option: Schema.String,
    problem: Schema.Literals(Struct.keys(rejected)),
    detail: Schema.optionalKey(Schema.String)
  },
  message: (e) => {
    const { detail, problem } = e
    const more = detail === undefined ? "" : problem === "invalid" ? `: ${detail}` : ` ${detail}`
    const undecided = problem === "undecided" ? ", but the server's settings depend on it:" : ""
    return `${e.file}:${e.line}: ${rejected[problem].text(e.option, undecided + more)}.`
  },
  remedy: (e) => rejected[e.problem].remedy,
  exitCode: "configuration",
  sample: [
    { file: "~/.ssh/config", line: 12, option: "KnownHostsCommand", problem: "unsupported" },
    { file: "~/.ssh/config", line: 12, option: "Match exec", problem: "undecided", detail: "HostName" },
    { file: "~/.ssh/config", line: 12, option: "HostNam", problem: "unknown" },
    { file: "~/.ssh/config", line: 12, option: "Port", problem: "invalid", detail: "ssh is not a port number" }
  ]
}) {}

/**
 * jiji writes host keys only to files with known_hosts in their name: a host key in authorized_keys would allow a login.
 */
export class KnownHostsMisnamed extends defineError<KnownHostsMisnamed>()("KnownHostsMisnamed", {
  fields: { file: Schema.String, path: Schema.String },
  message: (e) =>
    `jiji does not write host keys to ${e.file}: ${e.path === e.file ? "its name" : `it is a link to ${e.path}, whose name`} does not contain known_hosts.`,
  remedy: "Set `ssh.known_hosts` to a file with known_hosts in its name.",
  exitCode: "configuration",
  sample: { file: knownHosts, path: "~/.ssh/authorized_keys" }
}) {}

/** A jump host is not written correctly, or leads back to itself. */
export class ProxyInvalid extends defineError<ProxyInvalid>()("ProxyInvalid", {
  fields: { server: Schema.String, proxy: Schema.String, problem: Schema.Literals(["syntax", "loop"]) },
  message: (e) =>
    e.problem === "syntax"
      ? `The jump host "${e.proxy}" of ${e.server} does not have the form [user@]host[:port].`
      : `The jump hosts of ${e.server} form a loop: ${e.proxy}.`,
  remedy: "Correct `proxy` in deploy.yml or ProxyJump in ~/.ssh/config.",
  exitCode: "configuration",
  sample: { server: "web1", proxy: "web1", problem: "loop" }
}) {}

/** An open connection broke, and everything that ran over it failed. */
export class ConnectionLost extends defineError<ConnectionLost>()("ConnectionLost", {
  fields: { server: Schema.String, cause },
  message: (e) => `The connection to ${e.server} was lost${afterColon(e.cause)}.`,
  remedy: "Check the network and the server, then run the same command again: it does only what remains.",
  exitCode: "unavailable",
  sample: { server: "web1" }
}) {}

/** The server does not open a port for a reverse forward: neither the configured port nor any other. */
export class ForwardRefused extends defineError<ForwardRefused>()("ForwardRefused", {
  fields: { server: Schema.String, port: Schema.Int, cause },
  message: (e) => `${e.server} refuses to forward port ${e.port}, or any other port, to this machine.`,
  remedy: (e) =>
    `Set \`AllowTcpForwarding yes\` in /etc/ssh/sshd_config on the server, add 127.0.0.1:${e.port} to PermitListen (and to \`permitlisten=\` in authorized_keys) if it is set, and restart sshd${e.port < 1024 ? ", and set `builder.registry.port` to a port above 1023" : ""}.`,
  exitCode: "permission",
  sample: { server: "web1", port: 9270 }
}) {}

/** The server refuses to start any command. */
export class RemoteExecFailed extends defineError<RemoteExecFailed>()("RemoteExecFailed", {
  fields: { server: Schema.String, cause },
  message: (e) => `${e.server} refuses to run commands${afterColon(e.cause)}.`,
  remedy: "Check that the user has a login shell on the server, and that MaxSessions in its sshd_config is not 0.",
  exitCode: "failed",
  sample: { server: "web1" }
}) {}

/** The server does not give a command a terminal. */
export class TerminalRefused extends defineError<TerminalRefused>()("TerminalRefused", {
  fields: { server: Schema.String },
  message: (e) => `${e.server} refuses to open a terminal.`,
  remedy:
    "Set `PermitTTY yes` in sshd_config on the server, and remove `restrict` and `no-pty` from the key in ~/.ssh/authorized_keys. Without a terminal on this side, jiji needs none there: append `| cat` to the command.",
  exitCode: "failed",
  sample: { server: "web1" }
}) {}

/** Every error of a connection to a server, before a command runs there. */
export type SshError =
  | HostUnreachable
  | NoCommonAlgorithm
  | HostKeyChanged
  | HostKeyRevoked
  | HostKeyUnknown
  | HostCertificateUnsupported
  | AuthenticationFailed
  | KeyUnusable
  | SshFileUnusable
  | SshConfigRejected
  | KnownHostsMisnamed
  | ProxyInvalid
  | SecretsError
  | ConnectionLost
  | RemoteExecFailed
  | TerminalRefused
