import { Effect, Schema } from "effect"
import { defineScript } from "../../processes/Script.ts"
import { simulatedDigest } from "../simulated.ts"
import text from "./replace.sh" with { type: "text" }

const args = {
  engine: Schema.Literals(["docker", "podman"]),
  /** The container's name. */
  name: Schema.NonEmptyString,
  project: Schema.NonEmptyString,
  service: Schema.NonEmptyString,
  /** The image's digest, for comparison with the label of the running container. */
  digest: Schema.NonEmptyString,
  /** Start `beside` the old container; after a `trial` without ports; or after a `stop` of the old one, whose data it shares. */
  strategy: Schema.Literals(["beside", "trial", "stop"]),
  /** The seconds that a container without a health check must run. */
  settle: Schema.FiniteFromString,
  /** The seconds that a container may take to be healthy. */
  limit: Schema.FiniteFromString,
  /** The image to run. */
  image: Schema.NonEmptyString,
  /** The id of that image, as it was pulled. */
  id: Schema.NonEmptyString,
  /** How many of the words publish ports. They come first. */
  publishing: Schema.FiniteFromString
}

type Values = Schema.Struct<typeof args>["Type"]

/** What a person would type. `replaces` says whether there is an old container. */
const byHand = (
  { engine, name, publishing, strategy }: Values,
  words: ReadonlyArray<string>,
  replaces: boolean
): ReadonlyArray<ReadonlyArray<string>> => {
  const next = `${name}-next`
  const trial = `${name}-trial`
  const policies = (...changes: ReadonlyArray<string>) =>
    engine === "podman" ? [] : [[engine, "update", "--restart", ...changes]]
  const create = (as: string, policy: string, given: ReadonlyArray<string>) => [
    engine,
    "create",
    "--name",
    as,
    "--restart",
    policy,
    ...given
  ]
  const start = create(next, engine === "podman" ? "always" : "no", words)
  const rename = [engine, "rename", next, name]
  if (!replaces) return [start, [engine, "start", next], ...policies("unless-stopped", next), rename]
  const stop = [engine, "stop", name]
  const remove = [engine, "rm", name]
  if (strategy === "beside")
    return [start, [engine, "start", next], ...policies("unless-stopped", next), stop, remove, rename]
  const tried = [
    create(trial, "no", words.slice(publishing)),
    [engine, "start", trial],
    [engine, "rm", "--force", trial]
  ]
  return [
    ...(strategy === "trial" ? tried : []),
    start,
    ...policies("always", name),
    stop,
    [engine, "start", next],
    ...policies("unless-stopped", next, name),
    remove,
    rename
  ]
}

/**
 * Replaces a service's container. The words are those of `create`. JIJI_NAMES lists the secrets of the container, and
 * JIJI_SECRET_0 and so on hold their values. JIJI_CONFIG and JIJI_PARTS are hashes of its configuration, for its labels:
 * they include secrets, and every user of the server can read a command line. JIJI_RUN says who deploys, to
 * those who wait; JIJI_RUN_ID and JIJI_BY do in labels.
 */
const script = defineScript({
  name: "replace",
  text,
  args,
  /** What happened, and the container's id. */
  answer: (stdout) => {
    const [, outcome, id] = /^(started|unchanged) (\S+)$/m.exec(stdout) ?? []
    if (id === undefined || (outcome !== "started" && outcome !== "unchanged")) return Effect.fail(stdout)
    return Effect.succeed({ outcome, id } as const)
  },
  usual: ({ image, name }) => `started ${simulatedDigest(`${name} ${image}`).slice(7, 19)}`
})

export const replace = {
  ...script,
  command: (values: Values, words: ReadonlyArray<string>, replaces: boolean) => ({
    ...script.command(values, words),
    byHand: byHand(values, words, replaces)
  })
}
