import { CommandLine } from "effect/process"
import type { Project } from "../../config/Project.ts"

/** The hooks of a project, for a dry run. `scrub` removes secrets from their commands and variables. */
export const hookLines = (
  { hooks = [] }: Project,
  scrub: (text: string) => string = (text) => text
): ReadonlyArray<string> => {
  if (hooks.length === 0) return []
  const width = Math.max(...hooks.map(({ name }) => name.length))
  return [
    "",
    "hooks (not run in a dry run):",
    ...hooks.map(({ command, environment, name, on, only }) => {
      const { clear, secrets } = environment
      const variables = [
        ...Object.entries(clear).map(([key, value]) => `${key}=${scrub(CommandLine.display([value]))}`),
        ...secrets.map((secret) => `${secret}=<redacted>`)
      ]
      const environmentText = variables.length === 0 ? "" : ` (in the environment: ${variables.join(" ")})`
      const scope = only === undefined ? "" : ` for ${only}`
      return `  ${name.padEnd(width)}  ${scrub(CommandLine.display(command))}${environmentText}  on ${on.join(", ")}${scope}`
    })
  ]
}
