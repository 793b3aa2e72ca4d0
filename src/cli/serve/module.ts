/** What the command line loads only for `jiji serve` and `jiji token`, and for commands that a `jiji serve` runs. */
export { runRemote } from "../remote/runRemote.ts"
export { serve } from "../../serve/serve.ts"
export { withTokens } from "../../serve/withTokens.ts"
export { work } from "./worker.ts"
