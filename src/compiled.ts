// @ts-expect-error -- bin/build makes it, of whole.ts
import whole from "../dist/whole.js" with { type: "file" }

/** Where the one file begins. Only one of the two is ever loaded. */
if (process.argv.includes("run") || process.argv.includes("list")) void import(whole)
else void import("./main.ts")
