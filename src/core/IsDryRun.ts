import { Context } from "effect"

/**
 * Whether the current run is a dry run: one of `--dry-run`, or a rehearsal of jiji/testing. Its machines are simulated, so a
 * step can skip what only works for real.
 */
export const IsDryRun = Context.Reference<boolean>("jiji/core/IsDryRun", { defaultValue: () => false })
