/** A field of a command's form. Without a flag, its text is the command's first argument. */
interface CommandField {
  readonly label: string
  readonly flag?: string
  readonly hint: string
  readonly choices?: ReadonlyArray<string>
}

interface CommandForm {
  readonly name: string
  readonly description: string
  readonly role: "run" | "administer"
  readonly fields: ReadonlyArray<CommandField>
  /** Words that it always has: nobody can answer its question here. */
  readonly always?: ReadonlyArray<string>
  /** What to ask before it starts. */
  readonly warning?: string
}

const environment: CommandField = { label: "Environment", flag: "--environment", hint: "the default one, if empty" }
const services: CommandField = {
  label: "Services",
  flag: "--services",
  hint: "a name, or a pattern such as worker-*; all, if empty"
}

/** The commands that the page offers. The server decides what it runs: see src/cli/serve/checkCommand.ts. */
export const commands: ReadonlyArray<CommandForm> = [
  {
    name: "deploy",
    description: "Build and deploy a version",
    role: "run",
    fields: [{ label: "Version", flag: "--version", hint: "the current commit, if empty" }, environment, services]
  },
  {
    name: "rollback",
    description: "Go back to an earlier version",
    role: "run",
    fields: [{ label: "Version", hint: "the one before the last deploy, if empty" }, environment]
  },
  { name: "restart", description: "Restart services", role: "run", fields: [environment, services] },
  { name: "start", description: "Start stopped services", role: "run", fields: [environment, services] },
  {
    name: "stop",
    description: "Stop services",
    role: "run",
    fields: [environment, services],
    always: ["--yes"],
    warning: "The services stop until somebody starts or deploys them."
  },
  {
    name: "maintenance",
    description: "Show or hide a maintenance page",
    role: "run",
    fields: [{ label: "Page", hint: "", choices: ["on", "off"] }, environment]
  },
  { name: "prune", description: "Delete old images", role: "run", fields: [environment], always: ["--yes"] },
  {
    name: "remove",
    description: "Remove the project from its servers",
    role: "administer",
    fields: [{ label: "Service", hint: "one service; for all, leave it empty and add --all below" }, environment],
    always: ["--yes"],
    warning: "jiji removes the project's containers from its servers."
  }
]

/** The words of a command with these entries, one for each field. */
export const commandWords = (
  { always = [], fields, name }: CommandForm,
  entries: ReadonlyArray<string>,
  more: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const filled = fields.flatMap((field, index) => {
    const text = (entries[index] ?? "").trim()
    return text === "" ? [] : [{ ...field, text }]
  })
  return [
    name,
    ...filled.flatMap(({ flag, text }) => (flag === undefined ? [text] : [])),
    ...filled.flatMap(({ flag, text }) =>
      // With "=", a value can start with "-".
      flag === undefined ? [] : [`${flag}=${text}`]
    ),
    ...always,
    ...more
  ]
}
