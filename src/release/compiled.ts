import { isKnownCommand, printHelp } from "./help.ts"

/**
 * Runs jiji. Only `run` and `list` load pipeline files, and need the full program, and so does an alias of them; `serve` and
 * `token` need it for the server. Both are entry points of their own in the compiled program (bin/build): a bundler that saw
 * these paths would put them into this one.
 */
const start = () => {
  const [, , command = "--help", ...words] = process.argv
  const needsServer = command === "serve" || command === "token"
  const needsAll = needsServer || [command, ...words].some((word) => word === "run" || word === "list")
  if (needsAll || !isKnownCommand(command)) void import(["./release/full", "js"].join("."))
  else void import(["./main", "js"].join("."))
}

if (!printHelp(process.argv.slice(2))) start()
