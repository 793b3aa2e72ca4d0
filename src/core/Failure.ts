/** Exit codes of the command line. Every {@link Failure} names the one it ends a run with. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  unavailable: 69,
  permission: 77,
  configuration: 78,
  interrupted: 130
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/**
 * What every error class of jiji gives its user: what happened and why in one sentence, what to do about it in another,
 * and the exit code of a run that ends in it.
 */
export interface Failure {
  readonly _tag: string
  readonly message: string
  readonly remedy: string
  readonly exitCode: ExitCode
}

/** Whether a value is one of jiji's own errors. */
export const isFailure = (value: unknown): value is Failure =>
  typeof value === "object" &&
  value !== null &&
  "_tag" in value &&
  "message" in value &&
  "remedy" in value &&
  "exitCode" in value
