/** The exit codes of the `jiji` command. Each {@link Failure} has one. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  unavailable: 69,
  permission: 77,
  configuration: 78,
  notExecutable: 126,
  notFound: 127,
  interrupted: 130
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/**
 * The interface of all jiji errors. `message` says what happened and why, `remedy` says what to do about it. `exitCode` is
 * the exit code of jiji if a run fails with this error.
 */
export interface Failure {
  readonly _tag: string
  readonly message: string
  readonly remedy: string
  readonly exitCode: ExitCode
}

/** Returns true if a value is a jiji error. */
export const isFailure = (value: unknown): value is Failure =>
  typeof value === "object" &&
  value !== null &&
  "_tag" in value &&
  "message" in value &&
  "remedy" in value &&
  "exitCode" in value
