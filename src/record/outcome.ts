import type { Style } from "../reporters/text.ts"
import type { Outcome } from "./read.ts"

/** How an outcome is told, and the sign before it. */
export const told: Readonly<Record<Outcome, { readonly text: string; readonly sign: string; readonly style: Style }>> =
  {
    succeeded: { text: "done", sign: "✓", style: "green" },
    failed: { text: "failed", sign: "✗", style: "red" },
    interrupted: { text: "interrupted", sign: "!", style: "yellow" },
    running: { text: "running", sign: "…", style: "cyan" },
    lost: { text: "ended without a word", sign: "?", style: "yellow" }
  }
