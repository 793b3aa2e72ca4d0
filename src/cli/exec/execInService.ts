import { Effect, type Option } from "effect"
import type { Project, Service } from "../../config/Project.ts"
import { select } from "../../config/select.ts"
import { exec } from "../../steps/ExecPipeline.ts"
import { loadProject } from "../loadProject.ts"
import { NoSuchPlace } from "./place.ts"
import { runExec } from "./runExec.ts"

type Words = readonly [string, ...ReadonlyArray<string>]

interface ExecRequest<E> {
  readonly config: Option.Option<string>
  readonly environment: Option.Option<string>
  readonly hosts: ReadonlyArray<string>
  /** `SERVICE`, or `SERVICE.2`. */
  readonly place: string
  readonly fresh: boolean
  readonly command: (service: Service) => Words | Effect.Effect<Words, E>
}

/** Finds the service and the replica that `SERVICE.2` names. */
const findPlace = Effect.fnUntraced(function* ({ services }: Project, place: string) {
  const [name = "", number] = place.split(/\.(.*)/s)
  const known = services.map((each) => each.name)
  const service = services.find((each) => each.name === name)
  if (service === undefined) return yield* new NoSuchPlace({ service: name, known })
  if (number === undefined) return { service }
  const count = service.replicas ?? 1
  const replica = /^[1-9]\d{0,3}$/.test(number) ? Number(number) : 0
  if (replica < 1 || replica > count) {
    return yield* new NoSuchPlace({ service: name, known, replica: { number, count } })
  }
  return { service, replica }
})

/** Runs a command in a container of a service: on the first of its servers, or on those that `-H` selects. */
export const execInService = Effect.fnUntraced(function* <E>(request: ExecRequest<E>) {
  const { config, environment, fresh, hosts, place } = request
  const whole = yield* loadProject({ config, environment })
  const found = yield* findPlace(whole, place)
  const { service } = found
  const wanted = request.command(service)
  const command: Words = Effect.isEffect(wanted) ? yield* wanted : wanted
  const selected = yield* select(whole, { servers: hosts, services: [service.name] })
  const servers = hosts.length === 0 ? selected.servers.slice(0, 1) : selected.servers
  const project = { ...selected, servers }
  return yield* runExec(exec, (session) => ({ ...found, project, fresh, command, session }), project)
})
