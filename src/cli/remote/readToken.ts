import { Effect, Redacted } from "effect"
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs"
import { NoRemoteToken, TokenFileUnusable } from "./RemoteError.ts"
import type { Remote } from "./remoteFlags.ts"

/** A token is one word. Others could not be sent in a header. */
const isToken = (text: string): boolean => /^[\u0021-\u007e]+$/.test(text)

/** Reads a file that only its owner may read, as ssh does with keys. */
const readPrivateFile = (file: string): Effect.Effect<string, TokenFileUnusable> =>
  Effect.try({
    try: () => {
      const fd = openSync(file, "r")
      try {
        const { mode, uid } = fstatSync(fd)
        const isOwn = uid === process.getuid?.() || uid === 0
        return (mode & 0o077) === 0 && isOwn ? readFileSync(fd, "utf8") : undefined
      } finally {
        closeSync(fd)
      }
    },
    catch: (reason) => new TokenFileUnusable({ file, problem: "unreadable", reason })
  }).pipe(
    Effect.filterOrFail(
      (text) => text !== undefined,
      () => new TokenFileUnusable({ file, problem: "open" })
    )
  )

/** The token: from the file that a flag names, from stdin, or from the environment. Never from the words of the command. */
export const readToken = Effect.fnUntraced(function* ({ tokenFile }: Remote, url: string) {
  if (tokenFile === undefined) {
    const { JIJI_TOKEN = "" } = process.env
    const text = JIJI_TOKEN.trim()
    if (text === "") return yield* new NoRemoteToken({ url })
    if (!isToken(text)) return yield* new TokenFileUnusable({ file: "JIJI_TOKEN", problem: "empty" })
    return Redacted.make(text)
  }
  const text = tokenFile === "-" ? yield* Effect.promise(() => Bun.stdin.text()) : yield* readPrivateFile(tokenFile)
  const token = text.trim()
  const file = tokenFile === "-" ? "standard input" : tokenFile
  return isToken(token) ? Redacted.make(token) : yield* new TokenFileUnusable({ file, problem: "empty" })
})
