import { CommandLine } from "effect/process"
import type { Project } from "../../config/Project.ts"

/** The hooks of a project, as a rehearsal shows them: it runs none. */
export const hookLines = ({ hooks = [] }: Project): ReadonlyArray<string> => {
  if (hooks.length === 0) return []
  const width = Math.max(...hooks.map(({ name }) => name.length))
  return [
    "",
    "hooks, which a rehearsal does not run:",
    ...hooks.map(({ command, environment, name, on, only }) => {
      const { clear, secrets } = environment
      const variables = [
        ...Object.entries(clear).map(([key, value]) => `${key}=${CommandLine.display([value])}`),
        ...secrets.map((secret) => `${secret}=<redacted>`)
      ]
      const given = variables.length === 0 ? "" : ` (in the environment: ${variables.join(" ")})`
      const where = only === undefined ? "" : ` of ${only}`
      return `  ${name.padEnd(width)}  ${CommandLine.display(command)}${given}  on ${on.join(", ")}${where}`
    })
  ]
}
