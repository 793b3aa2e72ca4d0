import { Schema } from "effect"
import { defineError } from "../core/defineError.ts"

/** The database of `jiji serve` cannot be opened. */
export class ServeStateUnusable extends defineError<ServeStateUnusable>()("ServeStateUnusable", {
  fields: { file: Schema.String, detail: Schema.String },
  message: (e) => `Cannot open the database of jiji serve in ${e.file}: ${e.detail}.`,
  remedy: "Check the file's permissions and the free space, or name another file with --state FILE.",
  exitCode: "unavailable",
  sample: { file: "/home/me/.local/state/jiji/serve.sqlite", detail: "unable to open database file" }
}) {}

/** The database was changed by a newer jiji. */
export class ServeStateNewer extends defineError<ServeStateNewer>()("ServeStateNewer", {
  fields: { file: Schema.String },
  message: (e) => `A newer version of jiji has changed the database in ${e.file}.`,
  remedy: "Install that version, or name another file with --state FILE.",
  exitCode: "unavailable",
  sample: { file: "/home/me/.local/state/jiji/serve.sqlite" }
}) {}

/** Another `jiji serve` uses the same database. */
export class AlreadyServing extends defineError<AlreadyServing>()("AlreadyServing", {
  fields: { file: Schema.String, process: Schema.String },
  message: (e) => `Another jiji serve (${e.process}) uses ${e.file}.`,
  remedy: "Stop it first, or name another file with --state FILE.",
  exitCode: "unavailable",
  sample: { file: "/home/me/.local/state/jiji/serve.sqlite", process: "process 4211 on build1" }
}) {}

/** `jiji serve` should listen on the network, but nobody has a token. */
export class NoTokenYet extends defineError<NoTokenYet>()("NoTokenYet", {
  fields: { host: Schema.String },
  message: (e) => `jiji serve does not listen on ${e.host} before there is a token.`,
  remedy: "Create one first: `jiji token create NAME --role administer`.",
  exitCode: "permission",
  sample: { host: "0.0.0.0" }
}) {}

/** `jiji serve` cannot listen on its address. */
export class CannotListen extends defineError<CannotListen>()("CannotListen", {
  fields: { host: Schema.String, port: Schema.Int, detail: Schema.String },
  message: (e) => `Cannot listen on ${e.host}, port ${e.port}: ${e.detail}.`,
  remedy: "Choose another port with --port, or an address of this machine with --host.",
  exitCode: "unavailable",
  sample: { host: "127.0.0.1", port: 7070, detail: "the port is in use" }
}) {}

/** The folder of `jiji serve` does not exist. */
export class NoFolderToServe extends defineError<NoFolderToServe>()("NoFolderToServe", {
  fields: { folder: Schema.String },
  message: (e) => `${e.folder} is not a folder.`,
  remedy: "Name a folder that contains projects: `jiji serve FOLDER`.",
  exitCode: "usage",
  sample: { folder: "/srv/projects" }
}) {}

/** No token has this name. */
export class TokenNotFound extends defineError<TokenNotFound>()("TokenNotFound", {
  fields: { name: Schema.String },
  message: (e) => `There is no token named ${e.name}, or it is already revoked.`,
  remedy: "`jiji token list` shows all tokens.",
  exitCode: "usage",
  sample: { name: "ci" }
}) {}

/** A token of this name exists. */
export class TokenExists extends defineError<TokenExists>()("TokenExists", {
  fields: { name: Schema.String },
  message: (e) => `There is already a token named ${e.name}.`,
  remedy: (e) => `Choose another name, or revoke it first: \`jiji token revoke ${e.name}\`.`,
  exitCode: "usage",
  sample: { name: "ci" }
}) {}
