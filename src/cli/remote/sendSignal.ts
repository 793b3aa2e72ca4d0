import { Effect, Schema } from "effect"
import { oneLine } from "../../core/text.ts"
import { Api } from "../../serve/Api.ts"
import { Terminal } from "../process/Terminal.ts"
import { connect } from "./connect.ts"
import type { Remote } from "./remoteFlags.ts"

const isJson = Schema.is(Schema.Json)

/** Sends a signal to a run of a `jiji serve`. It comes from the token's name. */
export const sendSignal = Effect.fnUntraced(function* (remote: Remote, id: number, name: string, value: unknown) {
  const { request } = yield* connect(remote, Api)
  const { write } = yield* Terminal
  // A command line has nothing else.
  const payload = isJson(value) ? value : null
  yield* request((api) => api.runs.signalRun({ params: { id, name }, payload }))
  write(`Sent ${oneLine(name)} to run ${id}.\n`)
})
