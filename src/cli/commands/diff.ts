import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { Processes } from "../../layers/processes/Processes.ts"
import { diffRuns, type RunDiff } from "../../record/diffRuns.ts"
import { readRuns } from "../../record/read.ts"
import { type Commit, renderDiff } from "../../record/renderDiff.ts"
import { prettyJson } from "../../reporters/json.ts"
import { Terminal } from "../process/Terminal.ts"
import { UserPaths } from "../UserPaths.ts"

const maxCommits = 50

/** The commit of a version that jiji made: `abc1234`, or `abc1234-dirty-…`. */
const commitOf = (version: string | undefined): string | undefined =>
  /^[0-9a-f]{7,40}(?=$|-dirty-)/u.exec(version ?? "")?.[0]

/** The commits between the versions, if git knows both here. */
const commitsBetween = Effect.fnUntraced(function* ({ services }: RunDiff) {
  const { run } = yield* Processes
  const ranges = services.flatMap(({ from, to }) => {
    const [first, second] = [commitOf(from?.version), commitOf(to?.version)]
    return first === undefined || second === undefined || first === second ? [] : [`${first}..${second}`]
  })
  const found = yield* Effect.forEach([...new Set(ranges)], (range) =>
    run({
      words: ["git", "log", "--format=%h %s", `--max-count=${maxCommits}`, range, "--"],
      limit: { after: "5 seconds" }
    }).pipe(
      Effect.map(({ exitCode, stdout }) => (exitCode === 0 ? stdout.split("\n").filter((line) => line !== "") : [])),
      // Without git, there are no commits to show.
      Effect.orElseSucceed((): ReadonlyArray<string> => [])
    )
  )
  return [...new Set(found.flat())].map((line): Commit => {
    const [id = "", ...subject] = line.split(" ")
    return { id, subject: subject.join(" ") }
  })
})

/** `jiji diff`. */
export const command = Command.make(
  "diff",
  {
    from: Argument.String("run").pipe(Argument.withDescription("Run ID, or the start of one")),
    to: Argument.String("other").pipe(
      Argument.withDescription("Run to compare it with (default: the last run)"),
      Argument.optional
    ),
    json: Flag.Boolean("json").pipe(Flag.withDescription("Print the differences as JSON"), Flag.withDefault(false))
  },
  Effect.fnUntraced(function* ({ from: first, json, to: second }) {
    const { history } = yield* UserPaths
    const terminal = yield* Terminal
    const { between, from, to } = yield* readRuns(history, first, second)
    const diff = diffRuns(from, to, between)
    const commits = yield* commitsBetween(diff)
    const text = json ? prettyJson({ version: 1, ...diff, commits }) : renderDiff(diff, commits, terminal).join("\n")
    terminal.write(`${text}\n`)
  })
).pipe(
  Command.withDescription(
    "Show what differs between two past runs: versions, commits, configuration, servers, failures and times"
  ),
  Command.withExamples([
    { command: "jiji diff mf3k2a9c mf3k5d1e", description: "Compare two runs; `jiji runs` lists them" },
    { command: "jiji diff mf3k2a9c", description: "Compare a run with the last one" }
  ])
)
