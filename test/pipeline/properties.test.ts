import { expect, test } from "bun:test"
import { Effect } from "effect"
import fc from "fast-check"
import * as Pipeline from "../../src/pipeline/Pipeline.ts"
import { type At, checkNesting, checkOrder, checkUndos, events, isUndo, undoableNames } from "./checks.ts"
import { builder, holding, shape } from "./shapes.ts"

const moments: ReadonlyArray<readonly [name: string, moment: fc.Arbitrary<At>]> = [
  ["after some time", fc.integer({ min: 0, max: 20 }).map((seconds) => ({ seconds }))],
  ["at any event", fc.record({ event: fc.integer({ min: 1, max: 40 }), turns: fc.integer({ min: 0, max: 9 }) })]
]

test.each(moments)(
  "publishes consistent events, releases everything and undoes the right steps, however a run ends or is interrupted %s",
  async (_, moment) => {
    await fc.assert(
      fc.asyncProperty(fc.array(shape, { maxLength: 4 }), moment, async (nodes, at) => {
        const resources = holding()
        const { build, chosen, modes, tolerant } = builder(resources)
        const pipeline = build(nodes)
        const { exit, held, seen } = await Effect.runPromise(events(pipeline, at))
        checkOrder(seen, exit)
        checkNesting(seen)
        expect(resources.released.filter((times) => times !== 1)).toEqual([])
        // Only resources whose release hangs are still listed as held.
        const unclean = seen.flatMap((event) =>
          event._tag === "ResourceReleased" && !event.clean ? [event.resource] : []
        )
        expect(held.toSorted()).toEqual(unclean.toSorted())
        const names = new Set([Pipeline.describe(pipeline), ...chosen].flatMap(undoableNames))
        const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1).replace(/\[.*$/, "")
        checkUndos(seen, (path) => !isUndo(path) && names.has(nameOf(path)), modes, tolerant)
      }),
      { numRuns: 400, seed: 1 }
    )
  },
  60_000
)
