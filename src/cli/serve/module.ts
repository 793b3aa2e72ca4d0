/** What the command line loads only for `jiji serve` and `jiji token`. */
export { serve } from "../../serve/serve.ts"
export { withTokens } from "../../serve/withTokens.ts"
export { work } from "./worker.ts"
