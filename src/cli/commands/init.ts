import { Effect, FileSystem, Option, Path, Schema } from "effect"
import { Command, Flag, Prompt } from "effect/cli"
import { find } from "../../config/find.ts"
import { defineError } from "../../core/defineError.ts"
import { systemErrorReason } from "../../core/systemError.ts"
import { joinWords, printable } from "../../core/text.ts"
import { type Answers, answersIn, firstDraft } from "../../init/answers.ts"
import { type Values, values } from "../../init/Draft.ts"
import { inspect } from "../../init/inspect.ts"
import { type InitPlan, planInit } from "../../init/plan.ts"
import { faultOf } from "../../init/settle.ts"
import { parseTarget } from "../../init/words.ts"
import { prettyJson } from "../../reporters/json.ts"
import { alignColumns } from "../../reporters/table.ts"
import { Terminal } from "../process/Terminal.ts"

/** The project has a deploy.yml. */
export class AlreadyInitialized extends defineError<AlreadyInitialized>()("AlreadyInitialized", {
  fields: { file: Schema.String },
  message: (e) => `${e.file} already exists, and jiji init changes nothing then.`,
  remedy: "Edit the file, or move it away to start again. `jiji doctor` checks it.",
  exitCode: "usage",
  sample: { file: ".jiji/deploy.yml" }
}) {}

/** `jiji init` cannot ask for the servers, and no file names one. */
export class NoServerGiven extends defineError<NoServerGiven>()("NoServerGiven", {
  fields: { unread: Schema.Array(Schema.String) },
  message: (e) =>
    `jiji init does not know a server to deploy to, and it cannot ask here${e.unread.map((text) => `; ${text.replace(/\.$/u, "")}`).join("")}.`,
  remedy: "Use `--server USER@HOST`, once for each server.",
  exitCode: "usage",
  sample: { unread: ["config/deploy.yml is not valid YAML: All mapping items must start at the same column"] }
}) {}

/** `jiji init` cannot write one of its files. */
export class InitFileNotWritten extends defineError<InitFileNotWritten>()("InitFileNotWritten", {
  fields: { file: Schema.String, reason: Schema.String },
  message: (e) => `Cannot write ${e.file}: ${e.reason}.`,
  remedy: "Make the folder writable for your user, or move the file away: jiji overwrites none.",
  exitCode: "failed",
  sample: { file: ".jiji/deploy.yml", reason: "it already exists" }
}) {}

const withKeys = (keys: Values, service: Values = {}): Values => ({
  project: "app",
  servers: { web1: { host: "203.0.113.10" } },
  services: { web: { image: "app", hosts: ["web1"], ...service } },
  ...keys
})

/** What is wrong with each kind of answer, or undefined. */
const faults = {
  project: (text: string) => faultOf(withKeys({ project: text })),
  server: (text: string) =>
    // In deploy.yml, user and port have keys of their own.
    faultOf(withKeys({ servers: { web1: values({ ...parseTarget(text) }) } }))?.replace(
      "without user and port",
      "as [user@]host[:port]"
    ),
  domain: (text: string) =>
    text === "none" ? undefined : faultOf(withKeys({}, { proxy: { hosts: [text], port: 80 } })),
  registry: (text: string) =>
    text === "local" ? undefined : faultOf(withKeys({ builder: { registry: { server: text, username: "USER_NAME" } } }))
} as const

const flag = (name: keyof typeof faults, metavar: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.filter(
      (text) => faults[name](text) === undefined,
      (text) => `a valid ${name}: it ${faults[name](text) ?? ""}`
    )
  )

/** Asks for a text, or for several with spaces between them. */
const askText = (message: string, before: string, fault: (text: string) => string | undefined, needed: boolean) =>
  Prompt.run(
    Prompt.String({
      message,
      default: before,
      validate: (text) => {
        const found = text.split(/[\s,]+/u).flatMap((each) => (each === "" ? [] : (fault(each) ?? [])))
        if (text.trim() === "" && needed) return Effect.fail("is needed")
        return found[0] === undefined ? Effect.succeed(text.trim()) : Effect.fail(found[0])
      }
    })
  ).pipe(Effect.catchTag("QuitError", () => Effect.interrupt))

const wordsOf = (text: string): ReadonlyArray<string> =>
  text.split(/[\s,]+/u).filter((word) => word !== "" && word !== "none")

const nextSteps = ({ from, needsDockerfile, secrets }: InitPlan): ReadonlyArray<string> => [
  `Read .jiji/deploy.yml${from === undefined ? "" : `, which jiji translated from ${from}`}.`,
  ...(needsDockerfile ? ["Write a Dockerfile, or replace `build` in deploy.yml with `image`."] : []),
  ...(secrets.length === 0 ? [] : [`Put the values of ${joinWords(secrets)} into .env.`]),
  "Run `jiji server setup` if a server has no container engine yet.",
  "Run `jiji doctor`, which checks this machine and the servers.",
  "Run `jiji deploy`."
]

const report = (plan: InitPlan): ReadonlyArray<string> => [
  `Wrote ${joinWords(plan.files.map(({ file }) => file))}.`,
  ...(plan.notTranslated.length === 0
    ? []
    : [
        "",
        `Not translated${plan.from === undefined ? "" : ` from ${plan.from}`}:`,
        ...alignColumns(plan.notTranslated.map(({ key, text }) => [`  ${printable(key || "-")}`, printable(text)]))
      ]),
  "",
  "Next:",
  ...nextSteps(plan).map((step, index) => `  ${index + 1}. ${step}`)
]

/** Writes all files, or none if one that is new is already there. */
const write = Effect.fnUntraced(function* (root: string, plan: InitPlan) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  for (const { extends: isExtended, file } of plan.files) {
    if (isExtended || !(yield* Effect.orElseSucceed(fs.exists(path.join(root, file)), () => false))) continue
    return yield* new InitFileNotWritten({ file, reason: "it already exists" })
  }
  for (const { extends: isExtended, file, text } of plan.files) {
    const to = path.join(root, file)
    yield* fs.makeDirectory(path.dirname(to), { recursive: true }).pipe(
      Effect.andThen(fs.writeFileString(to, text, isExtended ? {} : { flag: "wx" })),
      Effect.mapError((error) => new InitFileNotWritten({ file, reason: systemErrorReason(error) }))
    )
  }
})

/** `jiji init`. */
export const command = Command.make(
  "init",
  {
    project: flag("project", "NAME", "Name of the project (default: that of the repository or folder)").pipe(
      Flag.optional
    ),
    servers: flag("server", "SERVER", "Server to deploy to, as [USER@]HOST[:PORT]; can be repeated").pipe(
      Flag.between(0, 1000)
    ),
    domains: flag("domain", "HOST", "Host name that the proxy serves by HTTPS; can be repeated").pipe(
      Flag.between(0, 100)
    ),
    registry: flag("registry", "HOST", "Registry for images, such as ghcr.io (default: local)").pipe(Flag.optional),
    yes: Flag.Boolean("yes").pipe(
      Flag.withDescription("Do not ask; use what the project's files say"),
      Flag.withDefault(false)
    ),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Print the files, without writing them"),
      Flag.withDefault(false)
    ),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print what was written, and what was not translated, as JSON"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ domains, dryRun, json, project, registry, servers, yes }) {
    const terminal = yield* Terminal
    const root = process.cwd()
    const existing = yield* find({ cwd: root }).pipe(
      Effect.map(({ files }) => files[0].shown),
      Effect.catchTag("ConfigNotFound", () => Effect.undefined)
    )
    if (existing !== undefined) return yield* new AlreadyInitialized({ file: existing })
    const findings = yield* inspect(root)
    const draft = firstDraft(findings)
    const before = answersIn(draft)
    const asks = terminal.isInteractive && !yes && !json
    const answer = (given: string | undefined, question: () => ReturnType<typeof askText>, otherwise: string) =>
      given !== undefined ? Effect.succeed(given) : asks ? question() : Effect.succeed(otherwise)
    const given = (texts: ReadonlyArray<string>) => (texts.length === 0 ? undefined : texts.join(" "))
    const [serversBefore, domainsBefore] = [before.servers.join(" "), before.domains.join(" ")]
    const answers: Answers = {
      project: yield* answer(
        Option.getOrUndefined(project),
        () => askText("Name of the project", before.project, faults.project, true),
        before.project
      ),
      servers: wordsOf(
        yield* answer(
          given(servers),
          () => askText("Servers to deploy to, as user@host", serversBefore, faults.server, true),
          serversBefore
        )
      ),
      domains: wordsOf(
        yield* answer(
          given(domains),
          () => askText("Host names for HTTPS, such as shop.example.com, or none", domainsBefore, faults.domain, false),
          domainsBefore
        )
      ),
      registry: yield* answer(
        Option.getOrUndefined(registry),
        () =>
          askText("Registry for images: local, or a server such as ghcr.io", before.registry, faults.registry, true),
        before.registry
      )
    }
    if (answers.servers.length === 0) {
      const unread = draft.from === undefined ? draft.notes.map(({ key, text }) => `${key} ${text}`) : []
      return yield* new NoServerGiven({ unread })
    }
    const plan = yield* planInit(findings, draft, answers)
    if (!dryRun) yield* write(root, plan)
    if (json) {
      const { files, from, notTranslated, secrets } = plan
      const written = files.map(({ extends: isExtended, file, text }) => ({
        file,
        action: isExtended ? "extend" : "create",
        ...(dryRun && { text })
      }))
      const result = {
        version: 1,
        written: !dryRun,
        files: written,
        ...(from !== undefined && { from }),
        notTranslated,
        secrets,
        next: nextSteps(plan)
      }
      return terminal.write(`${prettyJson(result)}\n`)
    }
    if (dryRun) {
      const shown = plan.files.filter(({ file }) => !file.endsWith(".schema.json"))
      terminal.write(`Dry run: write ${joinWords(plan.files.map(({ file }) => file))}.\n\n`)
      terminal.write(shown.map(({ file, text }) => `# ${file}\n${text}\n`).join(""))
      return
    }
    terminal.write(`${report(plan).join("\n")}\n`)
  })
).pipe(
  Command.withDescription("Write a deploy.yml for the project in this folder"),
  Command.withExamples([
    { command: "jiji init", description: "Look at the project, ask four questions, and write .jiji/deploy.yml" },
    {
      command: "jiji init --server deploy@203.0.113.10 --domain shop.example.com",
      description: "Answer two of them beforehand"
    },
    { command: "jiji init --yes", description: "Translate Kamal's config/deploy.yml without asking" }
  ])
)
