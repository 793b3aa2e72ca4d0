import { Effect } from "effect"
import { load } from "../../src/config/load.ts"
import { type Answers, answersIn, firstDraft } from "../../src/init/answers.ts"
import { inspect } from "../../src/init/inspect.ts"
import { planInit } from "../../src/init/plan.ts"
import { Files, folder } from "../config/project.ts"

export type ProjectFiles = Readonly<Record<string, string>>

/** What `jiji init` writes in a folder with these files, by name, and what it does not translate. */
export const initialize = Effect.fnUntraced(function* (files: ProjectFiles, answers: Partial<Answers> = {}) {
  const root = yield* folder(files)
  const findings = yield* inspect(root)
  const draft = firstDraft(findings)
  const { files: planned, ...plan } = yield* planInit(findings, draft, { ...answersIn(draft), ...answers })
  return {
    ...plan,
    root,
    files: Object.fromEntries(planned.map(({ file, text }) => [file, text])),
    notes: plan.notTranslated.map(({ key, text }) => `${key}: ${text}`)
  }
}, Effect.provide(Files))

/** The same, and the project that jiji loads from it. */
export const initializeAndLoad = Effect.fnUntraced(function* (
  files: ProjectFiles,
  answers: Partial<Answers> = {},
  environment?: string
) {
  const result = yield* initialize(files, answers)
  const cwd = yield* folder({ ...files, ...result.files })
  const project = yield* Effect.provide(load({ cwd, ...(environment !== undefined && { environment }) }), Files)
  return { ...result, project }
})
