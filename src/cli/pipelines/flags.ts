import { Effect, Option, Result, Schema, SchemaAST } from "effect"
import { CliError, Flag, type Param } from "effect/cli"
import { kebab } from "../../core/text.ts"
import { flagHelp, formatDefault, isDuration } from "./flagHelp.ts"
import type { LoadedPipeline } from "./load.ts"
import { FlagUnusable } from "./PipelineFileError.ts"

type Field = LoadedPipeline["flags"]["fields"][string]

/** The flags of `jiji run` itself. */
const ownFlags = ["config", "environment", "hosts", "services", "version", "dry-run", "json", "help", "completions"]
/** Names that a pipeline's flag cannot have: the flags of `jiji run`, their aliases, and the fields of its input. */
const reservedNames = new Set([
  ...ownFlags,
  "c",
  "e",
  "h",
  "project",
  "isFullDeploy",
  "requestedVersion",
  "is-full-deploy",
  "requested-version"
])
const ownSwitches = ["dry-run", "json"]

/** How often the flag of a list can be repeated. */
const maxListValues = 1000

const isInt = (ast: SchemaAST.AST): boolean =>
  ast.checks?.some((check) => JSON.stringify(check.annotations ?? {}).includes("effect/schema/isInt")) ?? false

/** The flag for an encoded value; undefined if no flag can express its type. */
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

/** The default of a field; none if it is required. Dies if computing it throws. */
const defaultOf = (name: string, field: Field): Effect.Effect<Option.Option<unknown>> =>
  Effect.map(Effect.option(Schema.decodeEffect(Schema.Struct({ [name]: field }))({})), (struct) =>
    Option.map(struct, (values) => values[name])
  )

/** Whether a field is secret. */
const isSecret = (ast: SchemaAST.AST): boolean =>
  JSON.stringify(SchemaAST.resolve(SchemaAST.toType(ast))?.["representation"])?.includes("schema/Redacted") ?? false

/** Validates the value with the field's schema, but keeps it encoded. */
const validated = (flag: Flag.Flag<Option.Option<unknown>>, name: string, field: Field) =>
  Flag.mapEffect(flag, (encoded) => {
    const none: Option.Option<unknown> = Option.none()
    if (Option.isNone(encoded)) return Effect.succeed(none)
    return Schema.decodeUnknownEffect(field)(encoded.value).pipe(
      Effect.as<Option.Option<unknown>>(encoded),
      Effect.mapError(({ message }) => {
        const [first = ""] = message.split("\n")
        const expected = first.replace("a valid Duration string", 'a duration, such as "10 minutes"')
        return new CliError.InvalidValue({ option: name, value: String(encoded.value), expected, kind: "flag" })
      })
    )
  })

/** The same flag, with an error as its value, so that the errors of all flags can be reported at once. */
const capturingErrors = <A>(flag: Flag.Flag<A>): Flag.Flag<Result.Result<A, CliError.CliError>> =>
  // Overrides `parse` and keeps the rest, since no combinator handles a parse error of a flag.
  Object.assign(Object.create(flag), {
    parse: (args: Param.ParsedArgs) =>
      Effect.map(Effect.result(flag.parse(args)), (read) =>
        Result.isSuccess(read)
          ? ([read.success[0], Result.succeed(read.success[1])] as const)
          : ([args.arguments, Result.fail(read.failure)] as const)
      )
  })

/** The item type of a list; undefined for other types. */
const itemOf = (ast: SchemaAST.AST): SchemaAST.AST | undefined =>
  SchemaAST.isArrays(ast) && ast.elements.length === 0 ? ast.rest[0] : undefined

/** The flag of a field, with a value that is still encoded. */
const makeFlag = (
  name: string,
  field: Field,
  fallback: Option.Option<unknown>
): Flag.Flag<Option.Option<unknown>> | undefined => {
  const ast = SchemaAST.toEncoded(field.ast)
  const item = itemOf(ast)
  const help = (note: string) => flagHelp(field, item && itemOf(SchemaAST.toType(field.ast)), note)
  const typed = flagOf(name, item ?? ast)
  if (typed === undefined) return undefined
  const plain = isDuration(itemOf(SchemaAST.toType(field.ast)) ?? field.ast)
    ? Flag.withMetavar(typed, "duration")
    : typed
  if (Option.isSome(fallback)) {
    const { value } = fallback
    const off = value === true ? `; --no-${name} turns it off` : ""
    const flag = Flag.withDescription(
      plain,
      help(value === undefined ? "optional" : `default: ${formatDefault(value)}${off}`)
    )
    if (item === undefined) return Flag.optional(flag)
    return Flag.map(Flag.between(flag, 0, maxListValues), (values) =>
      values.length === 0 ? Option.none() : Option.some(values)
    )
  }
  // Without its flag, a switch is off and a list is empty.
  const isSwitch = item === undefined && SchemaAST.isBoolean(ast)
  const flag = Flag.withDescription(plain, help(isSwitch ? "default: false" : item === undefined ? "required" : ""))
  if (item !== undefined) return Flag.map(Flag.between(flag, 0, maxListValues), Option.some)
  const required: Flag.Flag<unknown> = isSwitch ? Flag.withDefault(flag, false) : flag
  return Flag.map(required, Option.some)
}

/** The flags that a pipeline's schema describes, by field. */
export const pipelineFlags = Effect.fnUntraced(function* ({ file, flags }: Pick<LoadedPipeline, "file" | "flags">) {
  const result: Record<string, Flag.Flag<Result.Result<Option.Option<unknown>, CliError.CliError>>> = {}
  const fields = Object.entries(flags.fields)
  const negations = new Set([
    ...ownSwitches.map((name) => `no-${name}`),
    ...fields.flatMap(([key, { ast }]) => (SchemaAST.isBoolean(SchemaAST.toEncoded(ast)) ? [`no-${kebab(key)}`] : []))
  ])
  const names = new Set<string>()
  for (const [key, field] of fields) {
    const name = kebab(key)
    const unusable = (reason: FlagUnusable["reason"]) =>
      new FlagUnusable({ file: file.displayPath, field: key, reason })
    if (reservedNames.has(name) || reservedNames.has(key)) return yield* unusable("taken")
    if (key in Object.prototype) return yield* unusable("inherited")
    if (!/^[a-z][a-z0-9-]*$/.test(name)) return yield* unusable("name")
    if (names.has(name) || negations.has(name)) return yield* unusable("same")
    names.add(name)
    if (isSecret(field.ast)) return yield* unusable("secret")
    const flag = yield* defaultOf(key, field).pipe(
      Effect.map((fallback) => makeFlag(name, field, fallback)),
      Effect.catchDefect(() => unusable("default"))
    )
    if (flag === undefined) return yield* unusable("type")
    result[key] = capturingErrors(validated(flag, name, field))
  }
  return result
})
