import { type Cause, PlatformError, Schema } from "effect"
import { ExitCode, type Failure } from "./Failure.ts"
import { ownTags } from "./ownTags.ts"

type Fields = Schema.Struct.Fields

/** A value that every error of a class shares, or one that depends on the error's fields. */
type Derived<F extends Fields, A> = A | ((fields: Schema.Struct.Type<F>) => A)

type Sample<F extends Fields> = Schema.Struct.MakeIn<F>

/** All that makes up an error class. */
export interface ErrorDefinition<F extends Fields> {
  readonly fields: F
  /** What happened, and why. */
  readonly message: Derived<NoInfer<F>, string>
  /** What to do about it. */
  readonly remedy: Derived<NoInfer<F>, string>
  readonly exitCode: Derived<NoInfer<F>, keyof typeof ExitCode>
  /** The fields of one example for docs/troubleshooting.md, or of several. */
  readonly sample: Sample<NoInfer<F>> | readonly [Sample<NoInfer<F>>, ...ReadonlyArray<Sample<NoInfer<F>>>]
}

type Advice = Pick<Failure, "exitCode" | "remedy">

/** An error class. Its instances are {@link Failure}s, and can be yielded. */
export type ErrorClass<Self, Tag extends string, F extends Fields> = Schema.Class<
  Self,
  Schema.TaggedStruct<Tag, F>,
  Cause.YieldableError & Advice
> & {
  /** The examples for docs/troubleshooting.md. */
  readonly samples: ReadonlyArray<Self>
}

/**
 * Defines an error class of jiji. The compiler sees that no part is missing:
 *
 * ```ts
 * export class PortClosed extends defineError<PortClosed>()("PortClosed", {
 *   fields: { port: Schema.Int },
 *   message: ({ port }) => `Port ${port} is closed.`,
 *   remedy: "Open the port.",
 *   exitCode: "unavailable",
 *   sample: { port: 443 }
 * }) {}
 * ```
 */
export const defineError =
  <Self>() =>
  <const Tag extends string, const F extends Fields>(
    tag: Tag,
    definition: ErrorDefinition<F>
  ): ErrorClass<Self, Tag, F> => {
    type Values = Schema.Struct.Type<F>
    ownTags.add(tag)
    const { exitCode, fields, message, remedy, sample } = definition
    const text = (part: Derived<F, string>, values: Values) => (typeof part === "function" ? part(values) : part)
    // The type that TaggedError returns is another one where `Self` is missing; the getters that it lacks are added below.
    const made: unknown = Schema.TaggedError<Self, Advice>()(tag, fields)
    const base = made as ErrorClass<Self, Tag, F> & { readonly prototype: object }
    Object.defineProperties(base.prototype, {
      message: {
        get(this: Values) {
          return text(message, this)
        }
      },
      remedy: {
        get(this: Values) {
          return text(remedy, this)
        }
      },
      exitCode: {
        get(this: Values) {
          return ExitCode[typeof exitCode === "function" ? exitCode(this) : exitCode]
        }
      }
    })
    Object.defineProperty(base, "samples", {
      get(this: new (fields: Sample<F>) => Self) {
        const all = Array.isArray(sample) ? sample : [sample]
        return all.map((fields) => new this(fields))
      }
    })
    return base
  }

/** The cause of a sample: the system does not let this user open a file. */
export const accessDenied = (file: string): PlatformError.PlatformError =>
  PlatformError.systemError({ _tag: "PermissionDenied", module: "FileSystem", method: "open", pathOrDescriptor: file })
