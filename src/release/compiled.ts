// @ts-expect-error -- bin/build creates it from full.ts
import full from "../../dist/full.js" with { type: "file" }
import { printHelp } from "./help.ts"

/** Runs jiji. Only `run` and `list` load pipeline files, and need the full program. */
const start = () => {
  if (process.argv.includes("run") || process.argv.includes("list")) void import(full)
  else void import("../main.ts")
}

if (!printHelp(process.argv.slice(2))) start()
