import { Effect, Result, Schema, Stream } from "effect"
import { HttpApiClient } from "effect/http-api"
import { Event } from "../../core/Event.ts"
import { Api } from "../../serve/Api.ts"
import type { Connection } from "./connect.ts"
import { type Frame, makeFrames } from "./Frames.ts"
import { RemoteUnexpected, RemoteUnreachable } from "./RemoteError.ts"

/** How long a stream may be silent. jiji serve writes at least a comment every 2 seconds. */
const maxSilence = "30 seconds"

const decodeAnswer = HttpApiClient.decodeResponse(Api, { group: "runs", endpoint: "followRun" })

/** What one connection says about a run: its events after the one with the number `after`, as long as the connection lasts. */
export const frames = ({ explain, stream, url }: Connection, id: number, after: number) =>
  Stream.unwrap(
    Effect.gen(function* () {
      const response = yield* stream((api) =>
        api.runs.followRun({
          params: { id },
          headers: after === 0 ? {} : { "last-event-id": after },
          responseMode: "response-only"
        })
      )
      // Fails with the error in the answer.
      if (response.status !== 200) yield* Effect.asVoid(Effect.mapError(decodeAnswer(response), explain))
      if (response.headers["content-type"]?.startsWith("text/event-stream") !== true) {
        return yield* new RemoteUnexpected({ url, detail: "its events have another form" })
      }
      const push = makeFrames()
      const lost = (detail: string) => new RemoteUnreachable({ url, detail })
      return response.stream.pipe(
        Stream.mapError(() => lost("the connection was closed")),
        Stream.timeoutOrElse({ duration: maxSilence, orElse: () => Stream.fail(lost("it does not answer")) }),
        Stream.decodeText,
        Stream.mapEffect((text) =>
          Effect.try({
            try: (): ReadonlyArray<Frame> => push(text),
            catch: () => new RemoteUnexpected({ url, detail: "an event is too long" })
          })
        ),
        Stream.flattenIterable
      )
    })
  )

const decodeEvent = Schema.decodeUnknownResult(Schema.fromJsonString(Event))

/** The event in a frame; undefined if this version of jiji does not know it. */
export const toEvent = (data: string): Event | undefined => Result.getOrUndefined(decodeEvent(data))
