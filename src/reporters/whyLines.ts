import { shortDigest } from "../config/ImageReference.ts"
import { printable } from "../core/text.ts"
import type { Origin } from "../steps/WhyPipeline.ts"
import { formatAge } from "./psTable.ts"
import type { Output } from "./Reporter.ts"
import { painter } from "./text.ts"

/** What the run history of this machine has of a run. */
export interface RememberedRun {
  readonly pipeline: string
  readonly outcome: string
}

/** Says where containers come from, one paragraph each. */
export const whyLines = (
  origins: ReadonlyArray<Origin>,
  runs: ReadonlyMap<string, RememberedRun>,
  now: number,
  output: Pick<Output, "colors">
): ReadonlyArray<string> => {
  const paint = painter(output.colors)
  const when = (at: string) => `${formatAge(now - Date.parse(at))} ago (${at.replace(/\.\d+Z$/, "Z")})`
  return origins.flatMap((origin, index) => {
    const { at, because, by, commit, container, deployed, digest, run, server, subject, version } = origin
    const remembered = run === undefined ? undefined : runs.get(run)
    const lines: ReadonlyArray<readonly [string, string | undefined]> = [
      ["version", `${version}, image ${shortDigest(digest)}`],
      [
        "commit",
        commit === undefined ? undefined : `${commit.slice(0, 12)}${subject === undefined ? "" : ` ${subject}`}`
      ],
      ["started", at === undefined ? undefined : when(at)],
      ["by", by],
      [
        "run",
        run === undefined
          ? undefined
          : `${run}${remembered === undefined ? "" : ` (${remembered.pipeline}, ${remembered.outcome}): jiji runs show ${run}`}`
      ],
      ["because", because === undefined ? undefined : because.length === 0 ? "nothing ran before" : because.join("; ")],
      [
        "rollback",
        deployed === undefined
          ? undefined
          : `to what run ${deployed.run} by ${deployed.by} deployed ${when(deployed.at)}`
      ]
    ]
    return [
      ...(index === 0 ? [] : [""]),
      paint("bold", printable(`${container} on ${server}`)),
      ...lines.flatMap(([name, text]) => (text === undefined ? [] : [`  ${name.padEnd(9)} ${printable(text)}`]))
    ]
  })
}
