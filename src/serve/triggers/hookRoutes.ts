import { Clock, Effect, Layer, Option, Redacted, Result } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { sourceKeys, type Trigger } from "../../config/Trigger.ts"
import { limitedBody, saysTooLarge } from "../limitedBody.ts"
import { Projects, type ServedProject } from "../Projects.ts"
import { Deliveries, type NewDelivery, type StoredDelivery } from "./Deliveries.ts"
import { fire } from "./fire.ts"
import { HookSecrets } from "./HookSecrets.ts"
import { deliveryId, readRequest } from "./occurrences.ts"
import { type HookRequest, type HookSource, isGenuine } from "./signatures.ts"
import { Triggers } from "./Triggers.ts"

/** The largest body of a delivery. GitHub sends up to 25 MB. */
const maxBody = (source: HookSource): number => (source._tag === "GitHub" ? 25 : 1) * 1024 * 1024

/** The largest body that any delivery can have. */
export const maxHookBody = 25 * 1024 * 1024

/** How many bytes of deliveries that nobody has verified yet this process holds. */
const maxHeld = 64 * 1024 * 1024

/** How long a sender may take for a body. */
const bodyPatience = "30 seconds"

/** How often a delivery that is not genuine is recorded for a trigger, in milliseconds: anybody can send one. */
const recordEvery = 1000

/** Who sent a delivery sees this. It says nothing of why. */
const answer = (status: number, message: string) => Effect.fail(HttpServerResponse.jsonUnsafe({ message }, { status }))

const notFound = answer(404, "There is no such hook.")

/** A hook's URL ends with the project, the trigger, and for Docker Hub the secret. */
const findHook = Effect.fnUntraced(function* (url: string) {
  const path = url.split("?")[0] ?? ""
  const parts = Result.try(() => path.split("/").slice(2).map(decodeURIComponent))
  if (Result.isFailure(parts)) return yield* notFound
  const projects = yield* (yield* Projects).list
  for (const length of [1, 2]) {
    const project = projects.find(({ name }) => name === parts.success.slice(0, -length).join("/"))
    if (project === undefined) continue
    const [name = "", urlSecret] = parts.success.slice(-length)
    const trigger = yield* (yield* Triggers).find(project, name).pipe(
      Effect.tapError((problem) => Effect.logWarning(`A delivery for ${project.name} has arrived, but: ${problem}`)),
      // It may be repaired, and senders try again.
      Effect.catch(() => answer(503, "This hook cannot be used now."))
    )
    if (trigger === undefined) return yield* notFound
    return { project, trigger, urlSecret }
  }
  return yield* notFound
})

/** How deep the values of a payload may be nested: code that visits them calls itself for each level. */
const maxDepth = 200

const isTooDeep = (payload: unknown): boolean => {
  let level = [payload]
  for (let depth = 0; depth < maxDepth; depth++) {
    level = level.flatMap((value) => (typeof value === "object" && value !== null ? Object.values(value) : []))
    if (level.length === 0) return false
  }
  return true
}

/** The payload of a request, or what is wrong with it. GitHub can send it as a field of a form. */
const payloadOf = ({ body, headers }: HookRequest): Result.Result<unknown, string> => {
  const text = new TextDecoder().decode(body)
  const isForm = headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true
  const json = isForm ? (new URLSearchParams(text).get("payload") ?? "") : text
  const payload = Result.try({ try: (): unknown => JSON.parse(json), catch: () => "its body is not JSON" })
  return Result.flatMap(payload, (value) =>
    isTooDeep(value) ? Result.fail("its body is nested too deeply") : Result.succeed(value)
  )
}

const statusOf = ({ verdict }: StoredDelivery): number => ({ started: 202, ignored: 200, refused: 422 })[verdict]

const describe = ({ id, reason, run, verdict }: StoredDelivery) => ({
  delivery: id,
  verdict,
  ...(run !== null && { run }),
  ...(reason !== null && { message: reason })
})

/** Receives deliveries: verifies each, and starts the run of its trigger. */
const makeReceiver = Effect.gen(function* () {
  let held = 0
  const recorded = new Map<string, number>()

  /** Reads a body without trusting its sender. */
  const readBody = (request: Request, max: number) =>
    Effect.suspend(() => {
      if (saysTooLarge(request.headers, max)) return answer(413, "The body is too large.")
      let own = 0
      const reading = Effect.tryPromise(() =>
        limitedBody(request.body, max, (count) => {
          own += count
          held += count
          if (held > maxHeld) throw new Error("busy")
        })
      )
      return reading.pipe(
        Effect.timeoutOption(bodyPatience),
        Effect.catch(() => answer(503, "Try again later.")),
        Effect.flatMap(
          Option.match({
            onNone: () => answer(408, "The body did not arrive."),
            onSome: (body) => (body === undefined ? answer(413, "The body is too large.") : Effect.succeed(body))
          })
        ),
        Effect.ensuring(Effect.sync(() => (held -= own)))
      )
    })

  /** Records a delivery that nobody could verify, unless there was one just now. */
  const recordUnverified = Effect.fnUntraced(function* (delivery: Omit<NewDelivery, "verdict">, now: number) {
    const key = `${delivery.project} ${delivery.name}`
    if (Math.abs(now - (recorded.get(key) ?? 0)) < recordEvery) return
    recorded.set(key, now)
    yield* Effect.ignore((yield* Deliveries).add({ ...delivery, verdict: "refused" }))
  })

  const receive = Effect.fnUntraced(function* (
    project: ServedProject,
    trigger: Trigger,
    source: HookSource,
    request: HookRequest
  ) {
    const secrets = yield* HookSecrets
    const about = {
      project: project.name,
      name: trigger.name,
      source: sourceKeys[source._tag],
      senderId: deliveryId(source, request)
    }
    const secret = yield* Effect.catch(secrets.resolve(project.folder, source.secret), (error) =>
      Effect.andThen(
        recordUnverified({ ...about, senderId: undefined, reason: error.message }, request.now),
        answer(503, "This hook cannot be used now.")
      )
    )
    if (!isGenuine(source, request, Redacted.value(secret))) {
      yield* recordUnverified(
        { ...about, senderId: undefined, reason: "its signature is wrong or too old" },
        request.now
      )
      return yield* answer(401, "Unauthorized")
    }
    const deliveries = yield* Deliveries
    const payload = payloadOf(request)
    if (Result.isFailure(payload)) {
      const refused = yield* deliveries.add({ ...about, verdict: "refused", reason: payload.failure })
      return HttpServerResponse.jsonUnsafe(describe(refused), { status: 400 })
    }
    const reading = readRequest(source, request, payload.success)
    if (reading._tag !== "Happened") {
      const verdict = reading._tag === "Ignored" ? "ignored" : "refused"
      const delivery = yield* deliveries.add({ ...about, verdict, reason: reading.reason })
      return HttpServerResponse.jsonUnsafe(describe(delivery), { status: statusOf(delivery) })
    }
    const fired = yield* Effect.forEach(reading.occurrences, (occurrence) =>
      fire({ project, trigger, occurrence, senderId: about.senderId })
    )
    const [first] = fired
    // A registry repeats what is not answered with 200 until it is, and sends nothing else meanwhile.
    return source._tag === "Registry" || first === undefined
      ? HttpServerResponse.jsonUnsafe({ deliveries: fired.map(describe) })
      : HttpServerResponse.jsonUnsafe(describe(first), { status: statusOf(first) })
  })

  return Effect.fnUntraced(
    function* (request: HttpServerRequest.HttpServerRequest) {
      const { project, trigger, urlSecret } = yield* findHook(request.url)
      const { source } = trigger
      if (source._tag === "Cron" || source._tag === "Event") return yield* notFound
      // A secret in the URL belongs to Docker Hub alone.
      if ((urlSecret === undefined) === (source._tag === "DockerHub")) return yield* notFound
      if (!(request.source instanceof Request)) return yield* notFound
      const body = yield* readBody(request.source, maxBody(source))
      const now = yield* Clock.currentTimeMillis
      return yield* receive(project, trigger, source, { headers: request.headers, body, urlSecret, now })
    },
    Effect.catchIf(HttpServerResponse.isHttpServerResponse, Effect.succeed),
    Effect.catchTag("SqlError", () =>
      Effect.succeed(
        HttpServerResponse.jsonUnsafe({ message: "The database of jiji serve does not answer." }, { status: 503 })
      )
    )
  )
})

/** `POST /hooks/PROJECT/TRIGGER`. */
export const hookRoutes = Layer.unwrap(
  Effect.map(makeReceiver, (receive) => HttpRouter.add("POST", "/hooks/*", receive))
)
