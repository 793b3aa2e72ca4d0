import type { Style } from "../reporters/text.ts"
import type { RunOutcome } from "./read.ts"

/** The text, sign and color for each outcome. */
export const outcomeLabels: Readonly<
  Record<RunOutcome, { readonly text: string; readonly sign: string; readonly style: Style }>
> = {
  succeeded: { text: "done", sign: "✓", style: "green" },
  failed: { text: "failed", sign: "✗", style: "red" },
  interrupted: { text: "interrupted", sign: "!", style: "yellow" },
  running: { text: "running", sign: "…", style: "cyan" },
  waiting: { text: "waiting", sign: "…", style: "cyan" },
  lost: { text: "stopped unexpectedly", sign: "?", style: "yellow" }
}
