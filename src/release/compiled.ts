import { printHelp } from "./help.ts"

/**
 * Runs jiji. Only `run` and `list` load pipeline files, and need the full program. Both are entry points of their own in the
 * compiled program (bin/build): a bundler that saw these paths would put them into this one.
 */
const start = () => {
  if (process.argv.includes("run") || process.argv.includes("list")) void import(["./release/full", "js"].join("."))
  else void import(["./main", "js"].join("."))
}

if (!printHelp(process.argv.slice(2))) start()
