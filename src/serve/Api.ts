import { Context, Schema } from "effect"
import {
  HttpApi,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpApiMiddleware,
  HttpApiSchema,
  HttpApiSecurity,
  OpenApi
} from "effect/http-api"
import manifest from "../../package.json" with { type: "json" }
import { Event } from "../core/Event.ts"
import { requestPolicy } from "./policy.ts"
import { PipelineInfo } from "./protocol.ts"
import { RunStatus, RunWait } from "./RunStore.ts"
import type { Token } from "./Tokens.ts"
import { Verdict } from "./triggers/Deliveries.ts"

/** An error of the API: its body has one sentence. It is never shown in a terminal, and so has no remedy or exit code. */
const problem = <const Tag extends string>(tag: Tag, status: number) =>
  Schema.TaggedStruct(tag, { message: Schema.String }).annotate({ identifier: tag }).pipe(HttpApiSchema.status(status))

/** No token, or one that is wrong, expired or revoked. */
export const Unauthorized = problem("Unauthorized", 401)
/** Too many wrong tokens came from the same address. */
export const TooManyRequests = problem("TooManyRequests", 429)
/** The token's role does not allow this. */
export const Forbidden = problem("Forbidden", 403)
/** There is no such project, pipeline or run. */
export const NotFound = problem("NotFound", 404)
/** The request does not have the form that the API describes. */
export const BadRequest = problem("BadRequest", 400)
/** This does not go with how the run stands. */
export const Conflict = problem("Conflict", 409)
/** The command or the pipeline does not take this. */
export const Refused = problem("Refused", 422)
/** jiji serve is stopping, or cannot use its database. */
export const Unavailable = problem("Unavailable", 503)

/** The token that a request came with. */
export class CurrentToken extends Context.Service<CurrentToken, Token>()("jiji/serve/CurrentToken") {}

/** Lets in who has a token. */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: CurrentToken }>()(
  "jiji/serve/Authorization",
  { security: { bearer: HttpApiSecurity.bearer }, error: [Unauthorized, TooManyRequests, Unavailable] }
) {}

/** Says what is wrong with a request, instead of 400 alone. */
export class RequestErrors extends HttpApiMiddleware.Service<RequestErrors>()("jiji/serve/RequestErrors", {
  error: BadRequest
}) {}

const word = Schema.String.check(Schema.isMaxLength(4096))
const words = Schema.Array(word).check(Schema.isMaxLength(200))
const projectName = word.annotate({ description: "The path of the project's folder below the served one" })
const once = Schema.optionalKey(
  Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200)).annotate({
    description: "A second request with the same value starts nothing, and returns the run of the first"
  })
)

const CommandRequest = Schema.Struct({
  project: projectName,
  command: words.check(Schema.isMinLength(1)).annotate({
    description: "A command as jiji takes it",
    examples: [["deploy", "--version", "4c1d9e0"]]
  }),
  ...requestPolicy,
  once
}).annotate({ identifier: "CommandRequest" })

const PipelineRequest = Schema.Struct({
  project: projectName,
  pipeline: word.annotate({ description: "The name of a pipeline in .jiji/pipelines" }),
  input: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Unknown).annotate({ description: "What the pipeline takes, by field" })
  ),
  flags: Schema.optionalKey(
    words.annotate({ description: "Flags of `jiji run` itself", examples: [["--environment", "staging"]] })
  ),
  ...requestPolicy,
  once
}).annotate({ identifier: "PipelineRequest" })

const Millis = Schema.Int.annotate({ description: "Epoch milliseconds" })

export const RunInfo = Schema.Struct({
  id: Schema.Int,
  project: Schema.String,
  command: Schema.Array(Schema.String).annotate({ description: "What to type after `jiji` to do the same" }),
  status: RunStatus,
  by: Schema.String.annotate({ description: "The name of the token, or of the trigger" }),
  cause: Schema.String.annotate({
    description: "What started it: `api`, or what the trigger waits for, such as `github`"
  }),
  reason: Schema.optionalKey(Schema.String).annotate({
    description: "Why it failed; if it is waiting for a retry, why the last attempt did"
  }),
  exitCode: Schema.optionalKey(Schema.Int).annotate({
    description: "The exit code of its command, if the command has ended by itself"
  }),
  attempt: Schema.Int.annotate({
    description: "How often it has started: more than once if it has waited, or if jiji serve ended while it ran"
  }),
  waits: Schema.optionalKey(Schema.Array(RunWait)).annotate({ description: "What it waits for, if it is waiting" }),
  run: Schema.optionalKey(Schema.String).annotate({ description: "Its ID in its events and in `jiji runs`" }),
  priority: Schema.Int,
  key: Schema.optionalKey(Schema.String).annotate({ description: "Its concurrency key, if it has one of its own" }),
  timeLimit: Schema.optionalKey(Schema.Int).annotate({ description: "How long each attempt may run, in milliseconds" }),
  retries: Schema.optionalKey(Schema.Struct({ times: Schema.Int, used: Schema.Int })),
  overtakenBy: Schema.optionalKey(Schema.Int).annotate({ description: "The run that has taken its place" }),
  created: Millis,
  started: Schema.optionalKey(Millis),
  ended: Schema.optionalKey(Millis)
}).annotate({ identifier: "Run" })
export type RunInfo = typeof RunInfo.Type

const QueueEntry = Schema.Struct({
  run: RunInfo,
  why: Schema.String.annotate({ examples: ["waits for run 12 of shop"] }),
  after: Schema.optionalKey(Schema.Int).annotate({ description: "The run that is in its way" })
}).annotate({ identifier: "QueueEntry" })

const ProjectInfo = Schema.Struct({
  name: Schema.String,
  problem: Schema.optionalKey(Schema.String).annotate({
    description: "Why it cannot run: what is wrong with deploy.yml"
  })
}).annotate({ identifier: "Project" })

const TriggerInfo = Schema.Struct({
  project: Schema.String,
  name: Schema.String,
  source: Schema.String.annotate({ description: "What it waits for, by its key in deploy.yml, such as `github`" }),
  command: Schema.optionalKey(Schema.Array(Schema.String)),
  pipeline: Schema.optionalKey(Schema.String),
  hook: Schema.optionalKey(Schema.String).annotate({ description: "The path that the sender has to call" }),
  next: Schema.optionalKey(Millis).annotate({ description: "When it starts the next run" }),
  problem: Schema.optionalKey(Schema.String).annotate({ description: "Why it cannot start a run" })
}).annotate({ identifier: "Trigger" })
export type TriggerInfo = typeof TriggerInfo.Type

const DeliveryInfo = Schema.Struct({
  id: Schema.Int,
  project: Schema.String,
  trigger: Schema.String,
  source: Schema.String,
  received: Millis,
  senderId: Schema.optionalKey(Schema.String).annotate({ description: "The ID that the sender gave it" }),
  verdict: Verdict,
  reason: Schema.optionalKey(Schema.String).annotate({ description: "Why it was ignored or refused" }),
  run: Schema.optionalKey(Schema.Int).annotate({ description: "The run that it started, now or before" }),
  againOf: Schema.optionalKey(Schema.Int).annotate({ description: "The delivery that this one repeats" }),
  values: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  payload: Schema.optionalKey(Schema.Unknown)
}).annotate({ identifier: "Delivery" })
export type DeliveryInfo = typeof DeliveryInfo.Type

const runId = { id: Schema.Int.check(Schema.isGreaterThan(0)) }

const EventFrame = Schema.Struct({
  id: Schema.UndefinedOr(Schema.String),
  event: Schema.String,
  data: Schema.fromJsonString(Event)
})

const projects = HttpApiGroup.make("projects")
  .add(
    HttpApiEndpoint.get("listProjects", "/api/projects", {
      success: Schema.Array(ProjectInfo)
    }).annotateMerge(OpenApi.annotations({ summary: "List the projects (role look)" })),
    HttpApiEndpoint.get("listPipelines", "/api/pipelines", {
      query: { project: projectName },
      success: Schema.Array(PipelineInfo),
      error: NotFound
    }).annotateMerge(OpenApi.annotations({ summary: "List a project's pipelines and what they take (role look)" }))
  )
  .middleware(Authorization)
  .middleware(RequestErrors)

const runs = HttpApiGroup.make("runs")
  .add(
    HttpApiEndpoint.post("startRun", "/api/runs", {
      payload: Schema.Union([CommandRequest, PipelineRequest]),
      success: RunInfo.pipe(HttpApiSchema.status(202)),
      error: [Forbidden, NotFound, Conflict, Refused, Unavailable]
    }).annotateMerge(OpenApi.annotations({ summary: "Queue a command or a pipeline (role run)" })),
    HttpApiEndpoint.get("listRuns", "/api/runs", {
      query: {
        project: Schema.optionalKey(projectName),
        limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 500 }))),
        before: Schema.optionalKey(Schema.Int)
      },
      success: Schema.Array(RunInfo),
      error: Unavailable
    }).annotateMerge(OpenApi.annotations({ summary: "List runs, the newest first (role look)" })),
    HttpApiEndpoint.get("showQueue", "/api/queue", {
      success: Schema.Array(QueueEntry),
      error: Unavailable
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List what is queued or waits, and why (role look)",
        description: "The first 500 queued runs in the order in which they start, and then all runs that wait."
      })
    ),
    HttpApiEndpoint.get("getMetrics", "/metrics", {
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4; charset=utf-8" })),
      error: Unavailable
    }).annotateMerge(OpenApi.annotations({ summary: "Counts of runs, for Prometheus (role look)" })),
    HttpApiEndpoint.get("getRun", "/api/runs/:id", {
      params: runId,
      success: RunInfo,
      error: [NotFound, Unavailable]
    }).annotateMerge(OpenApi.annotations({ summary: "Show a run (role look)" })),
    HttpApiEndpoint.get("followRun", "/api/runs/:id/events", {
      params: runId,
      headers: { "last-event-id": Schema.optionalKey(Schema.Int) },
      success: HttpApiSchema.StreamSse({ events: EventFrame }),
      error: [NotFound, Unavailable]
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Stream the events of a run, from the first (role look)",
        description: "The stream ends with the run. Send the header Last-Event-ID to go on after an event."
      })
    ),
    HttpApiEndpoint.post("signalRun", "/api/runs/:id/signals/:name", {
      params: { ...runId, name: word },
      payload: Schema.Json.annotate({ description: "What the step that waits takes; without a schema, `true`" }),
      success: RunInfo.pipe(HttpApiSchema.status(202)),
      error: [Forbidden, NotFound, Conflict, Refused, Unavailable]
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Send a signal to a run, such as an approval (role approve)",
        description: "A run that waits for it goes on. Another one finds it when a step waits for it."
      })
    ),
    HttpApiEndpoint.post("cancelRun", "/api/runs/:id/cancel", {
      params: runId,
      success: RunInfo.pipe(HttpApiSchema.status(202)),
      error: [Forbidden, NotFound, Unavailable]
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Cancel a run (role run)",
        description: "Does what Ctrl-C does: the run undoes its steps and ends. A second call ends it at once."
      })
    )
  )
  .middleware(Authorization)
  .middleware(RequestErrors)

const triggers = HttpApiGroup.make("triggers")
  .add(
    HttpApiEndpoint.get("listTriggers", "/api/triggers", {
      query: { project: Schema.optionalKey(projectName) },
      success: Schema.Array(TriggerInfo)
    }).annotateMerge(OpenApi.annotations({ summary: "List what starts runs (role look)" })),
    HttpApiEndpoint.get("listDeliveries", "/api/deliveries", {
      query: {
        project: Schema.optionalKey(projectName),
        trigger: Schema.optionalKey(word),
        limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 500 }))),
        before: Schema.optionalKey(Schema.Int)
      },
      success: Schema.Array(DeliveryInfo),
      error: Unavailable
    }).annotateMerge(
      OpenApi.annotations({
        summary: "List what arrived for triggers, the newest first (role look)",
        description: "Without `values` and `payload`, which one delivery shows."
      })
    ),
    HttpApiEndpoint.get("getDelivery", "/api/deliveries/:id", {
      params: runId,
      success: DeliveryInfo,
      error: [NotFound, Unavailable]
    }).annotateMerge(OpenApi.annotations({ summary: "Show a delivery and what was sent (role look)" })),
    HttpApiEndpoint.post("sendAgain", "/api/deliveries/:id/again", {
      params: runId,
      success: DeliveryInfo,
      error: [Forbidden, NotFound, Refused, Unavailable]
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Deliver it again (role run)",
        description: "Starts a run if the trigger, as it is now, wants the event."
      })
    )
  )
  .middleware(Authorization)
  .middleware(RequestErrors)

/** The HTTP API of `jiji serve`. */
export const Api = HttpApi.make("jiji")
  .add(projects, runs, triggers)
  // A key that is misspelt must not be ignored.
  .annotate(HttpApi.PayloadParseOptions, { onExcessProperty: "error" })
  .annotate(HttpApi.QueryParseOptions, { onExcessProperty: "error" })
  .annotateMerge(
    OpenApi.annotations({
      title: "jiji serve",
      version: manifest.version,
      description: "Runs commands and pipelines of the served projects. `jiji token create` makes tokens."
    })
  )
