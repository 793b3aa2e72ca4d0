import { expect, test } from "bun:test"
import { builtinPipelines } from "../../src/cli/pipelines/builtin.ts"
import { ownNames } from "../../src/core/ownNames.ts"
import { paths } from "../../src/pipeline/paths.ts"

test("the own names are those of the nodes in jiji's pipelines, and undo", () => {
  const pipelines = [...builtinPipelines.values()].map(({ pipeline }) => pipeline)
  const names = pipelines.flatMap((pipeline) => [
    pipeline.name,
    ...paths(pipeline).flatMap((path) => path.slice(pipeline.name.length + 1).split("/"))
  ])
  expect([...ownNames].toSorted()).toEqual([...new Set([...names, "undo"])].toSorted())
})
