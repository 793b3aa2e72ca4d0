import { Flag } from "effect/cli"
import { Effect, Option } from "effect"
import { environmentPattern } from "../config/fields.ts"
import { defineError } from "../core/defineError.ts"

/** Flags that mean the same in every command that reads deploy.yml. */
export const project = {
  config: Flag.String("config").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("FILE"),
    Flag.withDescription("The deploy file, in place of the .jiji/deploy.yml that is found from here upwards"),
    Flag.optional
  ),
  environment: Flag.String("environment").pipe(
    Flag.withAlias("e"),
    Flag.withMetavar("NAME"),
    Flag.withDescription("Lays .jiji/deploy.NAME.yml over it, and takes secrets from .env.NAME first"),
    Flag.filter(
      (name) => environmentPattern.test(name),
      () => 'a plain name of letters, digits, ".", "_" and "-", such as staging'
    ),
    Flag.optional
  )
}

/** A flag of globs that choose among names. */
export const globs = (name: string, alias: string, what: string) =>
  Flag.String(name).pipe(
    Flag.withAlias(alias),
    Flag.withMetavar("GLOB"),
    Flag.withDescription(`Only the ${what} that the glob matches; may be given several times`),
    Flag.between(0, 100)
  )

/** `-H`: the servers that are meant. */
export const hosts = globs("hosts", "H", "servers")

export const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withDescription("Prints every command by machine, and touches nothing"),
  Flag.withDefault(false)
)

export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Prints one event a line, as JSON, and nothing else (docs/events.md)"),
  Flag.withDefault(false)
)

/** A command got both --json and --dry-run. */
export class RehearsalAsJson extends defineError<RehearsalAsJson>()("RehearsalAsJson", {
  fields: {},
  message: "--json and --dry-run cannot be used together.",
  remedy: "Leave one of them out.",
  exitCode: "usage",
  sample: {}
}) {}

/** That not both of these are given. */
export const notBoth = (flags: { readonly json: boolean; readonly dryRun: boolean }) =>
  flags.json && flags.dryRun ? Effect.fail(new RehearsalAsJson()) : Effect.void

/** An optional flag as an optional property. */
export const given = <K extends string, A>(key: K, value: Option.Option<A>): { readonly [P in K]?: A } =>
  // A computed key is typed as any string.
  (Option.isSome(value) ? { [key]: value.value } : {}) as { readonly [P in K]?: A }
