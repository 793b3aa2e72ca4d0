import { expect } from "bun:test"
import { Effect } from "effect"
import { it } from "../support/effect.ts"
import { problemsOf, smallest } from "./project.ts"

/** The smallest file with more keys for its service, its server, or the file, from line 8 on. */
export const service = (keys: string) => `${smallest}    ${keys}\n`
export const server = (keys: string) => smallest.replace("host: 203.0.113.10", keys)
export const top = (keys: string) => `${smallest}${keys}\n`

export const name = "must be a name of lower-case letters and digits, with single - or _ between them, such as my-app"
export const length = 'must be a duration such as 500ms, 10s, 1m30s, 2h or "10 minutes"'
export const port = "must be a port from 1 to 65535"
export const nul = "8 contains a NUL byte, which no command or variable can hold"

/** Tests that each of these deploy files has one problem. */
export const testProblems = (table: ReadonlyArray<readonly [protects: string, text: string, problem: string]>) => {
  for (const [protects, text, problem] of table) {
    it.live(protects, () =>
      Effect.gen(function* () {
        expect(yield* problemsOf(text)).toEqual([problem])
      })
    )
  }
}
