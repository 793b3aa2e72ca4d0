import { Clock, Cron, Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { sourceKeys, type Trigger } from "../../config/Trigger.ts"
import { Api, CurrentToken, type DeliveryInfo, NotFound, Refused, type TriggerInfo } from "../Api.ts"
import { orUnavailable, requireRole } from "../handlers.ts"
import { Projects } from "../Projects.ts"
import { Deliveries, type StoredDelivery } from "./Deliveries.ts"
import { fire } from "./fire.ts"
import { HookSecrets } from "./HookSecrets.ts"
import { Triggers } from "./Triggers.ts"

const toInfo = (delivery: StoredDelivery): DeliveryInfo => {
  const { again_of, event, id, name, project, reason, received, run, sender_id, source, verdict } = delivery
  return {
    id,
    project,
    trigger: name,
    source,
    received,
    verdict,
    ...(sender_id !== null && { senderId: sender_id }),
    ...(reason !== null && { reason }),
    ...(run !== null && { run }),
    ...(again_of !== null && { againOf: again_of }),
    ...(event !== null && { values: event.values, payload: event.payload })
  }
}

/** What is shown of a trigger. Its hook's URL is relative to the server's. */
const describe = Effect.fnUntraced(function* (
  project: { readonly name: string; readonly folder: string },
  trigger: Trigger
) {
  const { name, source, start } = trigger
  const about = {
    project: project.name,
    name,
    source: sourceKeys[source._tag],
    ...(start._tag === "Command" ? { command: start.words } : { pipeline: start.pipeline })
  }
  const startProblem = yield* (yield* Triggers).startProblem(project, trigger)
  const withProblem = (problem: string | undefined) => problem !== undefined && { problem }
  if (source._tag === "Event") return { ...about, ...withProblem(startProblem) } satisfies TriggerInfo
  if (source._tag === "Cron") {
    const now = yield* Clock.currentTimeMillis
    const next = Cron.next(Cron.parseUnsafe(source.cron, source.timeZone), now).getTime()
    return { ...about, next, ...withProblem(startProblem) } satisfies TriggerInfo
  }
  const path = ["hooks", ...project.name.split("/"), name].map(encodeURIComponent).join("/")
  const hook = source._tag === "DockerHub" ? `/${path}/SECRET` : `/${path}`
  const problem = startProblem ?? (yield* (yield* HookSecrets).findProblem(project.folder, source.secret))
  return { ...about, hook, ...withProblem(problem) } satisfies TriggerInfo
})

const existing = (delivery: Option.Option<StoredDelivery>, id: number) =>
  Effect.mapError(Effect.fromOption(delivery), () => NotFound.make({ message: `There is no delivery ${id}.` }))

export const triggerHandlers = HttpApiBuilder.group(Api, "triggers", (handlers) =>
  handlers.handleAll({
    listTriggers: Effect.fnUntraced(function* ({ query }) {
      const projects = yield* (yield* Projects).list
      const selected = projects.filter(({ name }) => query.project === undefined || name === query.project)
      const triggers = yield* Triggers
      const all = yield* Effect.forEach(selected, (project) =>
        Effect.flatMap(
          triggers.of(project),
          Effect.forEach((trigger) => describe(project, trigger))
        )
      )
      return all.flat()
    }),
    listDeliveries: Effect.fnUntraced(function* ({ query }) {
      const deliveries = yield* Deliveries
      return (yield* deliveries.list({ limit: 50, ...query })).map(toInfo)
    }, orUnavailable),
    getDelivery: Effect.fnUntraced(function* ({ params }) {
      const deliveries = yield* Deliveries
      return toInfo(yield* existing(yield* deliveries.get(params.id), params.id))
    }, orUnavailable),
    sendAgain: Effect.fnUntraced(function* ({ params: { id } }) {
      yield* requireRole("run")
      const delivery = yield* existing(yield* (yield* Deliveries).get(id), id)
      const refuse = (message: string) => Effect.fail(Refused.make({ message }))
      if (delivery.event === null) {
        return yield* refuse(
          "jiji has not kept what was sent: nobody verified it, it started nothing new, or it was too large."
        )
      }
      const project = yield* (yield* Projects).find(delivery.project)
      const trigger =
        project && (yield* Effect.catch((yield* Triggers).find(project, delivery.name), (problem) => refuse(problem)))
      if (project === undefined || trigger === undefined) {
        return yield* refuse(`There is no trigger ${delivery.name} in ${delivery.project} any more.`)
      }
      if (sourceKeys[trigger.source._tag] !== delivery.source) {
        return yield* refuse(`The trigger ${trigger.name} waits for ${sourceKeys[trigger.source._tag]} now.`)
      }
      const { name: who } = yield* CurrentToken
      const fired = yield* fire({
        project,
        trigger,
        occurrence: delivery.event,
        senderId: delivery.sender_id ?? undefined,
        depth: delivery.depth,
        again: { who, delivery: id }
      })
      return fired.verdict === "refused" ? yield* refuse(fired.reason ?? "") : toInfo(fired)
    }, orUnavailable)
  })
)
