import { Effect } from "effect"
import { NotRemote } from "./RemoteError.ts"
import type { Remote } from "./remoteFlags.ts"

/** What a command does if a `jiji serve` is named. */
export type RemoteUse =
  /** The server runs it. */
  | { readonly _tag: "Run" }
  /** It asks the server. */
  | { readonly _tag: "Ask" }
  /** It is about this machine: with JIJI_REMOTE it runs here, and `--remote` is refused. */
  | { readonly _tag: "Local"; readonly reason: string }
  /** It would do something else than with a server. */
  | { readonly _tag: "Refused"; readonly reason: string }

const run: RemoteUse = { _tag: "Run" }
const ask: RemoteUse = { _tag: "Ask" }
const local: RemoteUse = { _tag: "Local", reason: "It is about this machine." }
const refused = (reason: string): RemoteUse => ({ _tag: "Refused", reason })

const looks = refused("It only looks at the servers, and jiji serve runs what changes them.")
const shell = refused("A token is not a shell on the servers.")
const files = refused("It reads files of the project, which are on the machine of jiji serve.")
const history = refused("It reads the run history of the machine that it runs on.")
const locks = refused(
  "jiji serve runs one run of a project at a time. Locks are for those who deploy from their own machine."
)

/** Every command of jiji. */
export const remoteUses: Readonly<Record<string, RemoteUse | undefined>> = {
  deploy: run,
  rollback: run,
  start: run,
  stop: run,
  restart: run,
  maintenance: run,
  remove: run,
  prune: run,
  run,
  runs: ask,
  list: ask,
  cancel: ask,
  signal: ask,
  plan: refused("jiji serve makes the plan when it deploys. `jiji --remote URL deploy --dry-run` shows the commands."),
  versions: looks,
  ps: looks,
  logs: looks,
  audit: looks,
  doctor: looks,
  exec: shell,
  console: shell,
  server: shell,
  config: files,
  secrets: files,
  diff: history,
  why: history,
  resume: refused("jiji serve resumes the runs that it had to stop by itself. Start a failed run again."),
  lock: locks,
  unlock: locks,
  registry: refused("It changes logins on the machine of jiji serve."),
  init: local,
  schema: local,
  serve: local,
  token: local,
  sandbox: local,
  script: local,
  completions: local,
  version: local,
  help: local
}

const asksForHelp = (word: string) => word === "-h" || word === "--help" || word.startsWith("--completions")

/** Whether a command goes to the server. Fails if it cannot, and running it here would do something else. */
export const goesToServer = Effect.fnUntraced(function* (
  [command = "--help", ...rest]: ReadonlyArray<string>,
  { isExplicit }: Remote
) {
  const end = rest.indexOf("--")
  const own = end === -1 ? rest : rest.slice(0, end)
  if (command.startsWith("-")) return false
  const use = remoteUses[command]
  // The command line says that it is unknown.
  if (use === undefined) return false
  if (own.some(asksForHelp)) {
    if (command !== "run" || rest[0]?.startsWith("-") === true) return false
    const reason = "Its files are there. `jiji --remote URL list` shows its pipelines and what they take."
    return yield* new NotRemote({ command: `run ${rest[0] ?? ""} --help`, reason, isExplicit })
  }
  if (use._tag === "Run" || use._tag === "Ask") return true
  if (use._tag === "Local" && !isExplicit) return false
  return yield* new NotRemote({ command, reason: use.reason, isExplicit })
})
