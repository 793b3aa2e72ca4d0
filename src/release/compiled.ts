// @ts-expect-error -- bin/build makes it, of whole.ts
import whole from "../../dist/whole.js" with { type: "file" }
import { helped } from "./help.ts"

/** Where the one file begins. Of what runs a command, only one of the two is ever loaded. */
const begin = () => {
  if (process.argv.includes("run") || process.argv.includes("list")) void import(whole)
  else void import("../main.ts")
}

if (!helped(process.argv.slice(2))) begin()
