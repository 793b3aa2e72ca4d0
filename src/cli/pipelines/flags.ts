import { Effect, Option, Result, Schema, SchemaAST } from "effect"
import { CliError, Flag, type Param } from "effect/cli"
import { flagHelp, shownDefault } from "./flagHelp.ts"
import type { LoadedPipeline } from "./load.ts"
import { FlagUnusable } from "./PipelineFileError.ts"

type Field = LoadedPipeline["flags"]["fields"][string]

/** `smokeTest` as it is typed: `smoke-test`. */
const kebab = (name: string): string =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replaceAll(/_/g, "-")
    .toLowerCase()

/** Flags that `jiji run` has itself, with their short names, and what its input is made of. */
const own = ["config", "environment", "hosts", "services", "version", "dry-run", "json", "help", "completions"]
const taken = new Set([
  ...own,
  "c",
  "e",
  "h",
  "project",
  "isFullDeploy",
  "requestedVersion",
  "is-full-deploy",
  "requested-version"
])
const switches = ["dry-run", "json"]

/** How often a flag may be given that is a list. */
const most = 1000

const isInt = (ast: SchemaAST.AST): boolean =>
  ast.checks?.some((check) => JSON.stringify(check.annotations ?? {}).includes("effect/schema/isInt")) ?? false

/** The flag that can be given for an encoded value; nothing where none can. */
const flagOf = (name: string, ast: SchemaAST.AST): Flag.Flag<unknown> | undefined => {
  if (SchemaAST.isString(ast)) return Flag.String(name)
  if (SchemaAST.isBoolean(ast)) return Flag.Boolean(name)
  if (SchemaAST.isNumber(ast)) return isInt(ast) ? Flag.Int(name) : Flag.Finite(name)
  if (SchemaAST.isLiteral(ast)) return typeof ast.literal === "string" ? Flag.Literals(name, [ast.literal]) : undefined
  if (SchemaAST.isUnion(ast)) {
    const types = ast.types.filter((type) => !SchemaAST.isUndefined(type))
    const [only, ...others] = types
    if (only !== undefined && others.length === 0) return flagOf(name, only)
    const literals = types.flatMap((type) =>
      SchemaAST.isLiteral(type) && typeof type.literal === "string" ? [type.literal] : []
    )
    return literals.length === types.length ? Flag.Literals(name, literals) : undefined
  }
  return undefined
}

/** What a field is where it is not given; nothing where it must be. It dies where its default throws. */
const defaultOf = (name: string, field: Field): Effect.Effect<Option.Option<unknown>> =>
  Effect.map(Effect.option(Schema.decodeEffect(Schema.Struct({ [name]: field }))({})), (struct) =>
    Option.map(struct, (values) => values[name])
  )

/** Whether a field's value must not be seen by everybody. */
const isSecret = (ast: SchemaAST.AST): boolean =>
  JSON.stringify(SchemaAST.resolve(SchemaAST.toType(ast))?.["representation"])?.includes("schema/Redacted") ?? false

/** Checks what was given as the field's schema says, and leaves it as it is. */
const checked = (flag: Flag.Flag<Option.Option<unknown>>, name: string, field: Field) =>
  Flag.mapEffect(flag, (given) => {
    const none: Option.Option<unknown> = Option.none()
    if (Option.isNone(given)) return Effect.succeed(none)
    return Schema.decodeUnknownEffect(field)(given.value).pipe(
      Effect.as<Option.Option<unknown>>(given),
      Effect.mapError(({ message }) => {
        const [first = ""] = message.split("\n")
        const expected = first.replace("a valid Duration string", 'a time in words, such as "10 minutes"')
        return new CliError.InvalidValue({ option: name, value: String(given.value), expected, kind: "flag" })
      })
    )
  })

/** The same flag, with what is wrong with it as its value: the mistakes of all flags are told at once. */
const faulty = <A>(flag: Flag.Flag<A>): Flag.Flag<Result.Result<A, CliError.CliError>> =>
  // What a flag is for help, and how it is read: no combinator changes the latter where it fails.
  Object.assign(Object.create(flag), {
    parse: (args: Param.ParsedArgs) =>
      Effect.map(Effect.result(flag.parse(args)), (read) =>
        Result.isSuccess(read)
          ? ([read.success[0], Result.succeed(read.success[1])] as const)
          : ([args.arguments, Result.fail(read.failure)] as const)
      )
  })

/** What a list is of; nothing where it is none. */
const itemOf = (ast: SchemaAST.AST): SchemaAST.AST | undefined =>
  SchemaAST.isArrays(ast) && ast.elements.length === 0 ? ast.rest[0] : undefined

/** The flag of a field: what was given for it, still encoded. */
const make = (
  name: string,
  field: Field,
  fallback: Option.Option<unknown>
): Flag.Flag<Option.Option<unknown>> | undefined => {
  const ast = SchemaAST.toEncoded(field.ast)
  const item = itemOf(ast)
  const help = (said: string) => flagHelp(field, item && itemOf(SchemaAST.toType(field.ast)), said)
  const plain = flagOf(name, item ?? ast)
  if (plain === undefined) return undefined
  if (Option.isSome(fallback)) {
    const { value } = fallback
    const off = value === true ? `; --no-${name} turns it off` : ""
    const flag = Flag.withDescription(plain, help(value === undefined ? "" : `default: ${shownDefault(value)}${off}`))
    if (item === undefined) return Flag.optional(flag)
    return Flag.map(Flag.between(flag, 0, most), (values) =>
      values.length === 0 ? Option.none() : Option.some(values)
    )
  }
  // A switch that is not given is off, and a list is empty.
  const isSwitch = item === undefined && SchemaAST.isBoolean(ast)
  const flag = Flag.withDescription(plain, help(isSwitch || item !== undefined ? "" : "required"))
  if (item !== undefined) return Flag.map(Flag.between(flag, 0, most), Option.some)
  const given: Flag.Flag<unknown> = isSwitch ? Flag.withDefault(flag, false) : flag
  return Flag.map(given, Option.some)
}

/** The flags that a pipeline's schema describes, by the names of its fields. */
export const flagsOf = Effect.fnUntraced(function* ({ file, flags }: Pick<LoadedPipeline, "file" | "flags">) {
  const made: Record<string, Flag.Flag<Result.Result<Option.Option<unknown>, CliError.CliError>>> = {}
  const fields = Object.entries(flags.fields)
  const negations = new Set([
    ...switches.map((name) => `no-${name}`),
    ...fields.flatMap(([key, { ast }]) => (SchemaAST.isBoolean(SchemaAST.toEncoded(ast)) ? [`no-${kebab(key)}`] : []))
  ])
  const names = new Set<string>()
  for (const [key, field] of fields) {
    const name = kebab(key)
    const unusable = (reason: FlagUnusable["reason"]) => new FlagUnusable({ file: file.shown, field: key, reason })
    if (taken.has(name) || taken.has(key)) return yield* unusable("taken")
    if (key in Object.prototype) return yield* unusable("inherited")
    if (!/^[a-z][a-z0-9-]*$/.test(name)) return yield* unusable("name")
    if (names.has(name) || negations.has(name)) return yield* unusable("same")
    names.add(name)
    if (isSecret(field.ast)) return yield* unusable("secret")
    const flag = yield* defaultOf(key, field).pipe(
      Effect.map((fallback) => make(name, field, fallback)),
      Effect.catchDefect(() => unusable("default"))
    )
    if (flag === undefined) return yield* unusable("type")
    made[key] = faulty(checked(flag, name, field))
  }
  return made
})
