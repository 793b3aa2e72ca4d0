import { Effect } from "effect"
import { BuiltinCommands, isReserved } from "../config/aliases.ts"
import { secretPattern } from "../config/fields.ts"
import { jsonSchema } from "../config/JsonSchema.ts"
import { type Answers, applyAnswers, type FirstDraft, firstDraft } from "./answers.ts"
import { difference, type Draft, isValues, mapIn, type Note, type Value, type Values, values } from "./Draft.ts"
import { dockerIgnored, gitIgnored, withIgnored } from "./ignores.ts"
import type { Findings } from "./inspect.ts"
import { translateKamal } from "./kamal.ts"
import { deployText } from "./render.ts"
import { isValid, settle } from "./settle.ts"

/** A file to write. Its path is relative to the project. */
interface PlannedFile {
  readonly file: string
  readonly text: string
  /** Whether the file exists, and gets more lines. */
  readonly extends: boolean
}

/** What `jiji init` writes and says. */
export interface InitPlan {
  readonly files: ReadonlyArray<PlannedFile>
  /** The file of another tool that was translated. */
  readonly from?: string
  readonly notTranslated: ReadonlyArray<Note>
  /** Names of the secrets that the project needs. */
  readonly secrets: ReadonlyArray<string>
  readonly needsDockerfile: boolean
}

const listIn = (map: Values, key: string): ReadonlyArray<Value> => {
  const value = map[key]
  return Array.isArray(value) ? (value as ReadonlyArray<Value>) : []
}

const secretsOf = (deploy: Values): ReadonlyArray<string> => {
  const registry = mapIn(mapIn(deploy, "builder"), "registry")
  const services = Object.values(mapIn(deploy, "services")).filter(isValues)
  const all = [
    registry["username"],
    registry["password"],
    ...services.flatMap((service) => {
      const { certificate, key } = mapIn(mapIn(service, "proxy"), "tls")
      return [
        ...listIn(mapIn(service, "environment"), "secrets"),
        ...listIn(mapIn(service, "build"), "secrets"),
        certificate,
        key
      ]
    })
  ]
  return [...new Set(all.filter((name): name is string => typeof name === "string" && secretPattern.test(name)))]
}

const noteText = ({ key, text }: Note): string => `${key}: ${text}`

/** Leaves out aliases that have the name of a command of jiji, and notes what to type instead. */
const withoutReserved = ({ deploy, notes }: Draft, commands: ReadonlyArray<string>): Draft => {
  const all = Object.entries(mapIn(deploy, "aliases"))
  const reserved = all.filter(([name]) => isReserved(name, commands))
  const kept = Object.fromEntries(all.filter(([name]) => !isReserved(name, commands)))
  return {
    deploy: values({ ...deploy, aliases: kept }),
    notes: [
      ...notes,
      ...reserved.map(([name, command]) => ({
        key: `aliases.${name}`,
        text: `jiji has a command of this name: type \`jiji ${String(command)}\` instead, or give the alias another name`
      }))
    ]
  }
}

/** The environments' files for Kamal's destinations. A note says what could not be translated. */
const destinationFiles = Effect.fnUntraced(function* (
  findings: Findings,
  base: Values,
  baseText: string,
  schema: string
) {
  const { kamal, root } = findings
  const files: Array<PlannedFile> = []
  const notes: Array<Note> = []
  if (kamal === undefined) return { files, notes }
  for (const hook of kamal.hooks) {
    notes.push({ key: `.kamal/hooks/${hook}`, text: "write an entry under `hooks` (docs/hooks.md)" })
  }
  const first = translateKamal(kamal.text)
  for (const { destination, name, text } of kamal.destinations) {
    const translated = translateKamal(kamal.text, text)
    if ("fault" in first || "fault" in translated) {
      notes.push({ key: name, text: "is not valid YAML" })
      continue
    }
    const known = new Set(first.notes.map(noteText))
    const own = translated.notes.filter((note) => !known.has(noteText(note)))
    notes.push(...own.map(({ key, text }) => ({ key: `${name}: ${key}`, text })))
    // The environment's file has only what the destination changes, on top of what was settled.
    const changes = difference(first.deploy, translated.deploy)
    const settled = yield* settle({ deploy: translated.deploy, notes: [] }, root)
    const overlay = deployText(
      settled === undefined ? changes : difference(base, { ...base, ...settled.deploy }),
      schema
    )
    if (yield* isValid(root, [baseText, overlay])) {
      files.push({ file: `.jiji/deploy.${destination}.yml`, text: overlay, extends: false })
    } else notes.push({ key: name, text: `write .jiji/deploy.${destination}.yml with what differs` })
  }
  return { files, notes }
})

/** Where editors find the JSON Schema, from `.jiji`. */
const schemaPath = ({ hasPackage }: Findings): string =>
  hasPackage ? "../node_modules/jiji/docs/deploy.schema.json" : "deploy.schema.json"

/** Decides what to write for these answers. All of it loads without a problem. */
export const planInit = Effect.fnUntraced(function* (findings: Findings, draft: FirstDraft, answers: Answers) {
  const schema = schemaPath(findings)
  const wanted = withoutReserved(applyAnswers(draft, answers, findings), yield* BuiltinCommands)
  // The plain draft has nothing that jiji could not accept but the answers, which were checked.
  const plain = () =>
    firstDraft({
      root: findings.root,
      variables: [],
      isRepository: false,
      hasPackage: false,
      ...(findings.dockerfile && { dockerfile: findings.dockerfile })
    })
  const settled =
    (yield* settle(wanted, findings.root)) ??
    (yield* settle({ ...applyAnswers(plain(), answers, findings), notes: wanted.notes }, findings.root))
  const { deploy, notes } = settled ?? wanted
  const text = deployText(deploy, schema)
  const isUnchanged = draft.from !== undefined && draft.from === findings.kamal?.name
  const destinations = isUnchanged ? yield* destinationFiles(findings, deploy, text, schema) : { files: [], notes: [] }
  const isBuilt = Object.values(mapIn(deploy, "services")).some(
    (service) => isValues(service) && service["build"] !== undefined
  )
  const gitignore =
    findings.isRepository || findings.gitignore !== undefined ? withIgnored(findings.gitignore, gitIgnored) : undefined
  const dockerignore = isBuilt ? withIgnored(findings.dockerignore, dockerIgnored) : undefined
  const plan: InitPlan = {
    files: [
      { file: ".jiji/deploy.yml", text, extends: false },
      ...destinations.files,
      ...(findings.hasPackage ? [] : [{ file: ".jiji/deploy.schema.json", text: jsonSchema(), extends: false }]),
      ...(dockerignore === undefined
        ? []
        : [{ file: ".dockerignore", text: dockerignore, extends: findings.dockerignore !== undefined }]),
      ...(gitignore === undefined
        ? []
        : [{ file: ".gitignore", text: gitignore, extends: findings.gitignore !== undefined }])
    ],
    ...(draft.from !== undefined && { from: draft.from }),
    notTranslated: [...notes, ...destinations.notes],
    secrets: secretsOf(deploy),
    needsDockerfile: isBuilt && findings.dockerfile === undefined && draft.from === undefined
  }
  return plan
})
