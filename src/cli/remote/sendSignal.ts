import { Effect, Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { oneLine } from "../../core/text.ts"
import { Authorization, Forbidden, NotFound, Refused, RequestErrors, RunInfo, Unavailable } from "../../serve/Api.ts"
import { Terminal } from "../process/Terminal.ts"
import { connect } from "./connect.ts"
import type { Remote } from "./remoteFlags.ts"

const Conflict = Schema.TaggedStruct("Conflict", { message: Schema.String }).pipe(HttpApiSchema.status(409))

/** The endpoint that takes signals. Older versions of jiji serve have none. */
const SignalApi = HttpApi.make("jiji").add(
  HttpApiGroup.make("signals")
    .add(
      HttpApiEndpoint.post("signalRun", "/api/runs/:id/signals/:name", {
        params: { id: Schema.Int, name: Schema.String },
        payload: Schema.Json,
        success: Schema.Struct({ id: RunInfo.fields.id }).pipe(HttpApiSchema.status(202)),
        error: [Forbidden, NotFound, Conflict, Refused, Unavailable]
      })
    )
    .middleware(Authorization)
    .middleware(RequestErrors)
)

const isJson = Schema.is(Schema.Json)

/** Sends a signal to a run of a `jiji serve`. It comes from the token's name. */
export const sendSignal = Effect.fnUntraced(function* (remote: Remote, id: number, name: string, value: unknown) {
  const { request } = yield* connect(remote, SignalApi)
  const { write } = yield* Terminal
  // A command line has nothing else.
  const payload = isJson(value) ? value : null
  yield* request((api) => api.signals.signalRun({ params: { id, name }, payload }))
  write(`Sent ${oneLine(name)} to run ${id}.\n`)
})
