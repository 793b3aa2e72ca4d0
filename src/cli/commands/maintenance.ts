import { Effect, FileSystem, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { select } from "../../config/select.ts"
import { defineError } from "../../core/defineError.ts"
import { plural } from "../../core/text.ts"
import { type Maintenance, maxPage } from "../../layers/proxy/sites.ts"
import { maintenance } from "../../steps/MaintenancePipeline.ts"
import { ConflictingFlags } from "../ConflictingFlags.ts"
import { dryRunFlag, globFlag, hostsFlag, jsonFlag, optionalProperty, projectFlags, waitFlag } from "../flags.ts"
import { loadProject } from "../loadProject.ts"
import { descriptions } from "../pipelines/builtin.ts"
import { runDry } from "../runDry.ts"
import { runLive } from "../runLive.ts"

/** The file that `--page` names cannot be shown. */
export class PageUnusable extends defineError<PageUnusable>()("PageUnusable", {
  fields: { file: Schema.String, reason: Schema.String },
  message: (e) => `The page ${e.file} ${e.reason}.`,
  remedy: `Use an HTML or text file in UTF-8 of up to ${maxPage / 1024} KiB; put styles into it and load images from elsewhere.`,
  exitCode: "usage",
  sample: { file: "maintenance.html", reason: "has 180 KiB" }
}) {}

const readPage = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  const bytes = yield* Effect.mapError(fs.readFile(file), () => new PageUnusable({ file, reason: "cannot be read" }))
  if (bytes.length === 0) return yield* new PageUnusable({ file, reason: "is empty" })
  if (bytes.length > maxPage) {
    return yield* new PageUnusable({ file, reason: `has ${Math.ceil(bytes.length / 1024)} KiB` })
  }
  const body = yield* Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: () => new PageUnusable({ file, reason: "is not text in UTF-8" })
  })
  const page: Maintenance = { body, html: !file.endsWith(".txt") }
  return page
})

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** A small page with a text. */
const pageOf = (text: string): Maintenance => ({
  html: true,
  body: `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Maintenance</title>
<body style="font: 1.2em sans-serif; margin: 20vh auto; max-width: 35em; padding: 0 1em; text-align: center">
<p>${text.replace(/[&<>"']/g, (each) => entities[each] ?? each).replaceAll("\n", "<br>")}</p>
</body></html>
`
})

/** `jiji maintenance`. */
export const command = Command.make(
  "maintenance",
  {
    ...projectFlags,
    state: Argument.Literals("state", ["on", "off"]).pipe(
      Argument.withDescription("on: the proxy answers 503 instead of the services; off: it serves them again")
    ),
    message: Flag.String("message").pipe(
      Flag.withMetavar("TEXT"),
      Flag.withDescription("What visitors read (default: We will be back soon.)"),
      Flag.filter(
        (text) => text.trim() !== "" && text.length <= 2000,
        () => "a text of up to 2000 characters"
      ),
      Flag.optional
    ),
    page: Flag.String("page").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription(`Show this HTML or text file instead (up to ${maxPage / 1024} KiB)`),
      Flag.optional
    ),
    hosts: hostsFlag,
    services: globFlag("services", "S", "services"),
    wait: waitFlag,
    dryRun: dryRunFlag,
    json: jsonFlag
  },
  Effect.fnUntraced(function* ({ config, dryRun, environment, hosts, json, message, page, services, state, wait }) {
    const given = [...(Option.isSome(message) ? ["--message"] : []), ...(Option.isSome(page) ? ["--page"] : [])]
    const conflict = state === "off" ? ["off", ...given] : given
    if (conflict.length > 1) return yield* new ConflictingFlags({ flags: conflict })
    const shown = Option.isSome(page)
      ? yield* readPage(page.value)
      : pageOf(Option.getOrElse(message, () => "We will be back soon."))
    const project = yield* select(yield* loadProject({ config, environment }), { servers: hosts, services })
    const input = {
      project,
      maintenance: state === "on" ? shown : undefined,
      ...optionalProperty("waitForLock", wait)
    }
    if (!dryRun) return void (yield* runLive(maintenance, input, { json }))
    const where = plural(project.servers.length, "server")
    const heading = `Dry run: turn the maintenance of ${project.name} ${state} on ${where}.`
    yield* runDry(maintenance, input, { json, heading: [heading, "Nothing is changed and no connection is made."] })
  })
).pipe(
  Command.withDescription(descriptions.maintenance),
  Command.withExamples([
    { command: "jiji maintenance on", description: "Answer 503 for everything behind the proxy" },
    {
      command: "jiji maintenance on --message 'Back at 10:00 UTC' -S web",
      description: "Tell the visitors of a service"
    },
    { command: "jiji maintenance on --page maintenance.html", description: "Show a page of your own" },
    { command: "jiji maintenance off", description: "Serve everything again" }
  ])
)
