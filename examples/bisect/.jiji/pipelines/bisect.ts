import { Effect, Schema } from "effect"
import { Events, Machine, Pipeline, Runnable, Shell, Step } from "jiji"

const flags = Schema.Struct({
  good: Schema.String.annotateKey({ description: "A commit that passes the check" }),
  bad: Schema.optionalKey(Schema.String).annotateKey({ description: "A later commit that fails it (default: HEAD)" }),
  check: Schema.String.annotateKey({ description: "A command that fails in a bad commit" })
})
type Input = typeof flags.Type

class NoCommits extends Schema.TaggedError<NoCommits>()("NoCommits", { range: Schema.String, reason: Schema.String }) {
  override get message() {
    return `git cannot list ${this.range}: ${this.reason}`
  }
}

/** The commits of which the last one is bad, and perhaps earlier ones. */
interface Search {
  readonly commits: ReadonlyArray<string>
  readonly check: string
}

const list = Step.make(
  "list",
  Effect.fnUntraced(function* ({ bad = "HEAD", good }: Input) {
    const range = `${good}..${bad}`
    const words = ["git", "rev-list", "--reverse", "--first-parent", "--end-of-options", range] as const
    const { exitCode, stderr, stdout } = yield* (yield* Shell).run(Machine.local, { words })
    if (exitCode !== 0) return yield* new NoCommits({ range, reason: stderr.trim() })
    return { commits: stdout.split("\n").filter((line) => line !== "") }
  })
)

/** Runs the check in a worktree of a commit. */
const script = `
folder=$(mktemp -d)
trap 'git worktree remove --force "$folder"' EXIT
git worktree add --quiet --detach "$folder" "$1" && (cd "$folder" && sh -c "$2")`

const test = Step.make(
  "test",
  Effect.fnUntraced(function* ({ check, commits }: Search) {
    const middle = Math.floor((commits.length - 1) / 2)
    const words = ["sh", "-c", script, "bisect", commits[middle] ?? "", check] as const
    const { exitCode } = yield* (yield* Shell).run(Machine.local, { words })
    return { half: exitCode === 0 ? commits.slice(middle + 1) : commits.slice(0, middle + 1) }
  })
)
const found = Step.make("found", ({ commits }: Search) => Effect.succeed({ first: commits[0] ?? "none" }))

// A recursion needs its type written down.
type Searched = Search & { readonly first: string }
type Failure = Pipeline.CallsTooDeep | Effect.Error<ReturnType<typeof test.run>>
const search: Pipeline.Pipeline<Search, Searched, Failure, Shell> = Pipeline.make<Search>("search").pipe(
  Pipeline.choose({
    if: ({ commits }: Search) => commits.length > 1,
    question: "more than one commit?",
    body: Pipeline.make<Search>("halve").pipe(
      Pipeline.step(test),
      Pipeline.call(
        "half",
        () => search,
        ({ check, half }: { readonly check: string; readonly half: ReadonlyArray<string> }) => ({
          check,
          commits: half
        }),
        { as: "first", value: ({ first }) => first }
      )
    ),
    else: found
  })
)

const report = Step.make("report", ({ first }: { readonly first: string }) =>
  Effect.flatMap(Events, ({ publish }) =>
    publish({ _tag: "StepNoted", level: "info", text: `the first bad commit: ${first}` })
  )
)

export const bisect = Pipeline.make<Input>("bisect").pipe(
  Pipeline.step(list),
  Pipeline.call("search", search, ({ check, commits }: Search) => ({ check, commits }), {
    as: "first",
    value: ({ first }) => first
  }),
  Pipeline.step(report)
)

export default Runnable.make({ description: "Find the commit that broke something", flags, pipeline: bisect })
