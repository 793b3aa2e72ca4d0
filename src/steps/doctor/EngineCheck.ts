import { Effect, Option } from "effect"
import type { Project } from "../../config/Project.ts"
import { Diagnosis, type MachineFacts } from "../../layers/diagnosis/Diagnosis.ts"
import { Ssh } from "../../layers/ssh/Ssh.ts"
import * as Step from "../../pipeline/Step.ts"
import { builderOf } from "../builder.ts"
import { address, builderIn, catchAsCheck, type Check, CheckResult, checksFor, isServerBuilder } from "./Check.ts"
import * as findings from "./findings.ts"

interface Adds {
  readonly checks: ReadonlyArray<Check>
  readonly looked?: MachineFacts
}

/** Checks the engine of the machine that builds. If that is a server, the server's own checks say the rest. */
export const step = Step.make(
  "engine",
  Effect.fnUntraced(function* ({ project }: { readonly project: Project }) {
    const { builder, engine } = project
    const name = builderIn(project)
    const { ok, skipped } = checksFor(name)
    const isSilent = isServerBuilder(project)
    const said = (...checks: ReadonlyArray<Check>) => (isSilent ? [] : checks)
    const connect = Effect.gen(function* () {
      if (builder === undefined) return []
      yield* (yield* Ssh).connect(builder)
      return [ok("ssh", `logged in to ${address(builder)}`)]
    })
    const connected = yield* catchAsCheck(name, "ssh", Effect.asSome(connect), (check) => Option.some([check]))
    const ssh = Option.getOrElse(connected, (): ReadonlyArray<Check> => [])
    if (ssh.some(({ status }) => status === "failed")) {
      const adds: Adds = { checks: said(...ssh, ...skipped("the connection failed", "engine", "disk")) }
      return adds
    }
    const look = Effect.map((yield* Diagnosis).inspect(builderOf(project), engine), (looked): Adds => ({
      checks: said(...ssh, findings.engine(name, looked, engine), ...findings.disk(name, looked)),
      looked
    }))
    return yield* catchAsCheck(name, "engine", look, (check): Adds => ({
      checks: said(...ssh, check, ...skipped("the engine could not be checked", "disk"))
    }))
  }),
  { result: CheckResult }
)
