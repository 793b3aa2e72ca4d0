import { Flag } from "effect/cli"
import { Option } from "effect"
import { durationFlag } from "./durationFlag.ts"
import { environmentPattern } from "../config/fields.ts"

/** The flags of every command that reads deploy.yml. */
export const projectFlags = {
  config: Flag.String("config").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("FILE"),
    Flag.withDescription("Deploy file to use (default: the nearest .jiji/deploy.yml in this or a parent folder)"),
    Flag.optional
  ),
  environment: Flag.String("environment").pipe(
    Flag.withAlias("e"),
    Flag.withMetavar("NAME"),
    Flag.withDescription("Merge .jiji/deploy.NAME.yml on top; look up secrets in .env.NAME first"),
    Flag.filter(
      (name) => environmentPattern.test(name),
      () => 'a name made of letters, digits, ".", "_" and "-", such as staging'
    ),
    Flag.optional
  )
}

/** A repeatable flag that selects by name. */
export const globFlag = (name: "hosts" | "services", alias: string, things: string) =>
  Flag.String(name).pipe(
    Flag.withAlias(alias),
    Flag.withMetavar("GLOB"),
    Flag.withDescription(`Limit to ${things} whose name matches GLOB; can be repeated`),
    Flag.between(0, 100)
  )

export const hostsFlag = globFlag("hosts", "H", "servers")

/** How long to wait for the project's lock. */
export const waitFlag = durationFlag("wait", "a duration up to 24h, such as 30s or 5m", 0, 24 * 60 * 60 * 1000).pipe(
  Flag.withDescription("Wait this long if somebody else has locked the project: 30s, 5m (default: fail at once)"),
  Flag.optional
)

export const noCacheFlag = Flag.Boolean("no-cache").pipe(
  Flag.withDescription("Run cached steps again, and store their new results"),
  Flag.withDefault(false)
)

export const dryRunFlag = Flag.Boolean("dry-run").pipe(
  Flag.withDescription("Print what would run on each machine, without running it"),
  Flag.withDefault(false)
)

export const jsonFlag = Flag.Boolean("json").pipe(
  Flag.withDescription("Print one JSON event per line and nothing else (docs/events.md)"),
  Flag.withDefault(false)
)

/** An optional flag as an optional property: `{}` or `{ [key]: value }`. */
export const optionalProperty = <K extends string, A>(key: K, value: Option.Option<A>): { readonly [P in K]?: A } =>
  // TypeScript widens a computed key to `string`.
  (Option.isSome(value) ? { [key]: value.value } : {}) as { readonly [P in K]?: A }
