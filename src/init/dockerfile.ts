/** What jiji reads in a Dockerfile. */
export interface DockerfileFacts {
  /** The TCP port of the first EXPOSE of the last stage. */
  readonly port?: number
}

/** Reads the last stage of a Dockerfile, and its arguments with a default. */
export const readDockerfile = (text: string): DockerfileFacts => {
  const variables = new Map<string, string>()
  const filled = (word: string) =>
    word.replaceAll(
      /\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))/gu,
      (_, braced: string | undefined, otherwise: string | undefined, plain: string | undefined) =>
        variables.get(braced ?? plain ?? "") ?? otherwise ?? ""
    )
  let port: number | undefined
  const lines = text
    .split(/\r?\n/u)
    .filter((line) => !/^\s*#/u.test(line))
    .join("\n")
    .replaceAll(/[\\`]\s*\n/gu, " ")
    .split("\n")
  for (const line of lines) {
    const [, instruction = "", rest = ""] = /^\s*([A-Za-z]+)\s+(.*)$/u.exec(line) ?? []
    switch (instruction.toUpperCase()) {
      case "FROM":
        port = undefined
        break
      case "ARG":
      case "ENV": {
        for (const [, name = "", quoted, plain] of rest.matchAll(/(\w+)=(?:"([^"]*)"|(\S*))/gu)) {
          variables.set(name, filled(quoted ?? plain ?? ""))
        }
        const [, name, value] = /^(\w+)\s+([^=\s]+)$/u.exec(rest) ?? []
        if (name !== undefined && value !== undefined) variables.set(name, filled(value))
        break
      }
      case "EXPOSE": {
        const first = filled(rest)
          .split(/\s+/u)
          .flatMap((word) => /^(\d+)(?:-\d+)?(?:\/tcp)?$/u.exec(word)?.[1] ?? [])
          .map(Number)
          .find((number) => number >= 1 && number <= 65535)
        port ??= first
        break
      }
    }
  }
  return port === undefined ? {} : { port }
}
