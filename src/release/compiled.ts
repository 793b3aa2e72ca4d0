import { isKnownCommand, printHelp } from "./help.ts"

/**
 * Runs jiji. Only `run`, `resume` and `list` load pipeline files, and need the full program, and so does an alias of them; `serve`
 * and `token` need it for the server, and `--remote` for its API. Both programs are entry points of their own in the compiled program (bin/build): a bundler
 * that saw these paths would put them into this one.
 */
const start = () => {
  const [, , command = "--help", ...words] = process.argv
  const isRemote = [command, ...words].some((word) => word === "--remote" || word.startsWith("--remote="))
  const { JIJI_REMOTE = "" } = process.env
  const needsServer = command === "serve" || command === "token" || isRemote || JIJI_REMOTE !== ""
  const loadsFiles = [command, ...words].some((word) => word === "run" || word === "resume" || word === "list")
  const needsAll = needsServer || loadsFiles
  if (needsAll || !isKnownCommand(command)) void import(["./release/full", "js"].join("."))
  else void import(["./main", "js"].join("."))
}

if (!printHelp(process.argv.slice(2))) {
  start()
  // bin/build makes the JIT wait: compiling took half of the processor time of a command that ends soon. This one does not.
  setTimeout(() => Bun.unsafe.setJITPolicy(1), 5000).unref()
}
