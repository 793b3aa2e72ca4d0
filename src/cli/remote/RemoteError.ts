import { Schema } from "effect"
import { accessDenied, defineError } from "../../core/defineError.ts"
import type { ExitCode } from "../../core/Failure.ts"
import { joinFirst } from "../../core/text.ts"
import { systemErrorText } from "../../core/systemError.ts"

const url = "https://deploy.example.com"

/** A flag for a remote run is used in the wrong way. */
export class RemoteFlagInvalid extends defineError<RemoteFlagInvalid>()("RemoteFlagInvalid", {
  fields: { flag: Schema.String, problem: Schema.Literals(["value", "remote"]) },
  message: (e) =>
    e.problem === "value"
      ? `The flag ${e.flag} needs a value.`
      : `The flag ${e.flag} only works on a jiji serve, and none is named.`,
  remedy: "Name the server and the project before the command: `jiji --remote URL --project NAME deploy`.",
  exitCode: "usage",
  sample: [
    { flag: "--remote", problem: "value" },
    { flag: "--project", problem: "remote" }
  ]
}) {}

/** This command cannot run on a `jiji serve`. */
export class NotRemote extends defineError<NotRemote>()("NotRemote", {
  fields: { command: Schema.String, reason: Schema.String, isExplicit: Schema.Boolean },
  message: (e) => `\`jiji ${e.command}\` does not run on a jiji serve: ${e.reason}`,
  remedy: (e) =>
    e.isExplicit
      ? "Run it without --remote, on a machine that has the project. docs/remote.md lists the commands that work."
      : `Run it from here with \`JIJI_REMOTE= jiji ${e.command}\`. docs/remote.md lists the commands that work.`,
  exitCode: "usage",
  sample: [
    { command: "exec", reason: "A token is not a shell on the servers.", isExplicit: true },
    { command: "exec", reason: "A token is not a shell on the servers.", isExplicit: false }
  ]
}) {}

/** This command only works on a `jiji serve`. */
export class OnlyRemote extends defineError<OnlyRemote>()("OnlyRemote", {
  fields: { command: Schema.String },
  message: (e) => `\`jiji ${e.command}\` only works on a jiji serve, and none is named.`,
  remedy: (e) => `Name it: \`jiji --remote URL ${e.command}\`, or set JIJI_REMOTE.`,
  exitCode: "usage",
  sample: { command: "cancel" }
}) {}

/** The address of a `jiji serve` is not usable. */
export class RemoteUrlInvalid extends defineError<RemoteUrlInvalid>()("RemoteUrlInvalid", {
  fields: { reason: Schema.String },
  message: (e) => `The address of the jiji serve ${e.reason}.`,
  remedy: `Write it as ${url}, with a path if a proxy serves it below one.`,
  exitCode: "usage",
  sample: { reason: "is not a URL" }
}) {}

/** The token would travel without encryption. */
export class RemoteNotEncrypted extends defineError<RemoteNotEncrypted>()("RemoteNotEncrypted", {
  fields: { url: Schema.String },
  message: (e) =>
    `jiji does not send a token to ${e.url}: http:// has no encryption, and anybody on the way can read it.`,
  remedy:
    "Use https://. If the network itself is encrypted, such as a VPN, add --allow-http; or open an SSH tunnel and use http://127.0.0.1.",
  exitCode: "usage",
  sample: { url: "http://deploy.example.com" }
}) {}

/** No token for a `jiji serve`. */
export class NoRemoteToken extends defineError<NoRemoteToken>()("NoRemoteToken", {
  fields: { url: Schema.String },
  message: (e) => `There is no token for ${e.url}.`,
  remedy:
    "Put it into JIJI_TOKEN, or into a file and name that with --token-file. On the server, `jiji token create NAME --role run` makes one.",
  exitCode: "permission",
  sample: { url }
}) {}

/** The file with the token cannot be used. */
export class TokenFileUnusable extends defineError<TokenFileUnusable>()("TokenFileUnusable", {
  fields: {
    file: Schema.String,
    problem: Schema.Literals(["open", "empty", "unreadable"]),
    reason: Schema.optionalKey(Schema.Defect())
  },
  message: (e) =>
    e.problem === "open"
      ? `Other users can read the token in ${e.file}.`
      : e.problem === "empty"
        ? `${e.file} has no token: it must have one line of printable characters.`
        : `Cannot read the token in ${e.file}: ${systemErrorText(e.reason, e.file)}.`,
  remedy: (e) =>
    e.problem === "open"
      ? `\`chmod 600 ${e.file}\`, with your user as its owner. If others could read it before, revoke the token and make a new one.`
      : "Put one token into it. `--token-file -` reads standard input.",
  exitCode: "permission",
  sample: [
    { file: "token", problem: "open" },
    { file: "token", problem: "unreadable", reason: accessDenied("token") }
  ]
}) {}

/** A `jiji serve` cannot be reached. */
export class RemoteUnreachable extends defineError<RemoteUnreachable>()("RemoteUnreachable", {
  fields: { url: Schema.String, detail: Schema.String },
  message: (e) => `Cannot reach the jiji serve at ${e.url}: ${e.detail}.`,
  remedy: (e) => `Check the address, and that jiji serve runs there: \`curl ${e.url}/ready\`.`,
  exitCode: "unavailable",
  sample: { url, detail: "the connection was refused" }
}) {}

/** The certificate of a `jiji serve` cannot be trusted. */
export class RemoteCertificate extends defineError<RemoteCertificate>()("RemoteCertificate", {
  fields: { url: Schema.String, detail: Schema.String },
  message: (e) => `jiji does not trust the certificate of ${e.url}: ${e.detail}.`,
  remedy:
    "Check the address and the certificate. If your own authority signed it, name that authority's certificate in NODE_EXTRA_CA_CERTS.",
  exitCode: "unavailable",
  sample: { url, detail: "it has expired" }
}) {}

/** The address leads to another one. */
export class RemoteRedirected extends defineError<RemoteRedirected>()("RemoteRedirected", {
  fields: { url: Schema.String, to: Schema.String },
  message: (e) => `${e.url} redirects to ${e.to}, and jiji does not send the token there.`,
  remedy: "If you trust that address, use it with --remote.",
  exitCode: "unavailable",
  sample: { url: "https://example.com", to: url }
}) {}

/** What answers is no `jiji serve`, or one of another version. */
export class RemoteUnexpected extends defineError<RemoteUnexpected>()("RemoteUnexpected", {
  fields: { url: Schema.String, detail: Schema.String },
  message: (e) => `${e.url} does not answer as jiji serve does: ${e.detail}.`,
  remedy: "Check the address, with its path. If it is right, use the same version of jiji here and there.",
  exitCode: "unavailable",
  sample: { url, detail: "status 404" }
}) {}

interface Refusal {
  readonly remedy: string
  readonly exitCode: keyof typeof ExitCode
}

/** By the tag of the API's error. */
const refusals: Readonly<Record<string, Refusal | undefined>> = {
  Unauthorized: {
    remedy: "Check that it is complete and from this server. `jiji token list` there shows whether it has expired.",
    exitCode: "permission"
  },
  Forbidden: {
    remedy: "Use a token with that role: `jiji token create NAME --role ROLE` on the server.",
    exitCode: "permission"
  },
  NotFound: { remedy: "`jiji --remote URL runs` lists the runs.", exitCode: "usage" },
  Conflict: { remedy: "`jiji --remote URL runs` shows how each run stands.", exitCode: "usage" },
  BadRequest: { remedy: "Use the same version of jiji here and there.", exitCode: "usage" },
  Refused: { remedy: "docs/remote.md says what a jiji serve runs.", exitCode: "usage" },
  TooManyRequests: { remedy: "Wait a minute, and check the token.", exitCode: "unavailable" },
  Unavailable: { remedy: "Try again later.", exitCode: "unavailable" }
}

/** A `jiji serve` refuses a request. */
export class RemoteRefused extends defineError<RemoteRefused>()("RemoteRefused", {
  fields: {
    url: Schema.String,
    tag: Schema.String,
    text: Schema.String
  },
  message: (e) => (e.tag === "Unauthorized" ? `${e.url} does not accept the token.` : `${e.url}: ${e.text}`),
  remedy: (e) => refusals[e.tag]?.remedy ?? "docs/remote.md says what a jiji serve does.",
  exitCode: (e) => refusals[e.tag]?.exitCode ?? "failed",
  sample: [
    { url, tag: "Unauthorized", text: "" },
    { url, tag: "Forbidden", text: "This needs the role run, but the token ann has the role look." }
  ]
}) {}

/** The connection to a `jiji serve` was lost, and did not come back. */
export class RemoteLost extends defineError<RemoteLost>()("RemoteLost", {
  fields: { url: Schema.String, run: Schema.Int, patience: Schema.String, detail: Schema.String },
  message: (e) => `${e.url} has not answered for ${e.patience}: ${e.detail}.`,
  remedy: (e) =>
    `The run ${e.run} goes on there, or starts again with jiji serve. Follow it: \`jiji --remote ${e.url} runs follow ${e.run}\`.`,
  exitCode: "unavailable",
  sample: { url, run: 12, patience: "5 minutes", detail: "the connection was refused" }
}) {}

/** It is not clear which of the server's projects is meant. */
export class RemoteProjectUnknown extends defineError<RemoteProjectUnknown>()("RemoteProjectUnknown", {
  fields: { url: Schema.String, wanted: Schema.optionalKey(Schema.String), projects: Schema.Array(Schema.String) },
  message: (e) => {
    if (e.projects.length === 0) return `${e.url} serves no project.`
    const all = `It serves ${joinFirst(e.projects)}.`
    return e.wanted === undefined
      ? `Which project of ${e.url}? ${all}`
      : `${e.url} serves no project ${e.wanted}. ${all}`
  },
  remedy: (e) =>
    e.projects.length === 0
      ? "Put a folder with a .jiji/deploy.yml into the folder that jiji serve serves."
      : "Name the project: `jiji --remote URL --project NAME …`.",
  exitCode: "usage",
  sample: [
    { url, wanted: "blog", projects: ["shop", "clients/shop"] },
    { url, projects: ["shop", "clients/shop"] }
  ]
}) {}

/** Somebody else has cancelled a run. */
export class RemoteRunCancelled extends defineError<RemoteRunCancelled>()("RemoteRunCancelled", {
  fields: { run: Schema.Int, reason: Schema.optionalKey(Schema.String) },
  message: (e) => `The run ${e.run} was cancelled${e.reason === undefined ? "" : `: ${e.reason}`}.`,
  remedy: "Somebody else, or another run, has cancelled it on the server. Start it again if it is still needed.",
  exitCode: "interrupted",
  sample: { run: 12 }
}) {}

/** The number of a run is not a number. */
export class RunNumberInvalid extends defineError<RunNumberInvalid>()("RunNumberInvalid", {
  fields: { text: Schema.String },
  message: (e) => `${JSON.stringify(e.text)} is not the number of a run.`,
  remedy: "`jiji --remote URL runs` lists the runs with their numbers.",
  exitCode: "usage",
  sample: { text: "mf3k" }
}) {}

/** A `jiji serve` has no runs yet. */
export class NoRemoteRun extends defineError<NoRemoteRun>()("NoRemoteRun", {
  fields: { url: Schema.String },
  message: (e) => `${e.url} has no runs yet.`,
  remedy: "Start one: `jiji --remote URL deploy`.",
  exitCode: "usage",
  sample: { url }
}) {}
