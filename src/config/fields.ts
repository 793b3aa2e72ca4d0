import { reservedName } from "./reservedNames.ts"
import { Schema, SchemaGetter } from "effect"

/** The documentation of a key, for editors and docs/configuration.md. */
export interface Docs<A = string> {
  readonly description: string
  readonly examples?: ReadonlyArray<A>
  /** The value if the key is absent. */
  readonly default?: A
}

/** A valid name of a project, service or server. */
export const namePattern = /^[a-z0-9]+([_-][a-z0-9]+)*$/u

/** A valid name of an environment. It is part of a file name. */
export const environmentPattern = /^[A-Za-z0-9][A-Za-z0-9._-]*$/u

/** In keys that accept secrets, a value of this form is the name of a secret. */
export const secretPattern = /^[A-Z][A-Z0-9_]*$/u

/** A port from 1 to 65535, as part of a pattern. */
export const portDigits = "(?:[1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])"

const variablePattern = /^[A-Za-z_][A-Za-z0-9_]*$/u

/** A string that matches a pattern. `expected` completes the sentence "must be …". */
export const text = (expected: string, pattern: RegExp, docs?: Docs) =>
  Schema.String.check(Schema.isPattern(pattern, { expected })).annotate({ ...docs })

/** A string that is not blank. */
export const anyText = (expected: string, docs?: Docs) => text(expected, /\S/u, docs)

export const name = (docs?: Docs) =>
  text("a name of lower-case letters and digits, with single - or _ between them, such as my-app", namePattern, docs)

export const secretName = (docs?: Docs) =>
  text("the name of a secret in capitals, such as API_TOKEN", secretPattern, docs)

/** The name of a secret that becomes a variable of a container. */
export const variableSecret = (docs?: Docs) =>
  secretName(docs).check(Schema.makeFilter(reservedName, { toJsonSchema: () => [{}, true] }))

export const variableName = (docs?: Docs) =>
  text("a variable name of letters, digits and _, such as LOG_LEVEL", variablePattern, docs)

export const portNumber = (docs: Docs<number>) =>
  Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65535 }, { expected: "a port from 1 to 65535" })).annotate({
    ...docs
  })

const asText = {
  decode: SchemaGetter.String<string | number | boolean>(),
  encode: SchemaGetter.passthroughSubtype<string | number, string>()
}

/** A string. Numbers and booleans are accepted and become strings. */
export const scalar = (docs?: Docs) =>
  Schema.Union([Schema.String, Schema.Finite, Schema.Boolean])
    .annotate({ expected: "a string, a number, or true or false", ...docs })
    .pipe(Schema.decodeTo(Schema.String, asText))

/** A string that `fault` accepts. `fault` returns an error message, or undefined if the string is valid. */
export const checkedText = (fault: (value: string) => string | undefined, docs: Docs) =>
  Schema.Union([Schema.String, Schema.Finite])
    .annotate({ expected: "a string", ...docs })
    .pipe(Schema.decodeTo(Schema.String.check(Schema.makeFilter(fault)), asText))
