import { Effect, Schema } from "effect"
import { defineScript, Flag } from "../../processes/Script.ts"
import text from "./logs.sh" with { type: "text" }
import { type ContainerLine, type LogBatch, type LoggedContainer, maxLine, onlyUnread, parseTime } from "./LogLine.ts"

/** Prints the logs of a project's containers with the engine's client. */
export const logs = defineScript({
  name: "logs",
  text,
  args: {
    engine: Schema.Literals(["docker", "podman"]),
    project: Schema.NonEmptyString,
    /** The names of the services. */
    services: Schema.NonEmptyString,
    /** Whether to go on with the lines that come. */
    follow: Flag,
    /** How many lines of each container; all without it. */
    tail: Schema.String,
    since: Schema.String,
    until: Schema.String,
    /** Where to go on following, as `ID=TIME` words. */
    known: Schema.String
  },
  answer: () => Effect.void,
  usual: () => "",
  byHand: ({ engine, follow, project, services, since, tail, until }) =>
    services
      .split(" ")
      .map((service) => [
        engine,
        "logs",
        "--timestamps",
        ...(follow ? ["--follow"] : []),
        ...(tail === "" ? [] : ["--tail", tail]),
        ...(since === "" ? [] : ["--since", since]),
        ...(until === "" ? [] : ["--until", until]),
        `${project}-${service}`
      ])
})

/** The part of a long line that has arrived. */
interface Part {
  readonly time: string
  readonly text: string
}

// Anyone who may start containers on the server chooses their names and labels.
const announced = /^= (\d+) ([0-9a-f]+) ([\w.-]+) ([\w.-]+)$/

/** Reads what `logs.sh` prints, piece by piece. `from` is where to go on, and is kept up to date. */
export const logsReader = (from = new Map<string, string>()) => {
  const decoder = new TextDecoder()
  const known = new Map<string, LoggedContainer>()
  /** The readers of the containers' lines, by number. */
  const unread = new Map<string, ReturnType<typeof onlyUnread>>()
  const parts = new Map<string, Part>()
  let rest = ""

  const readLine = (line: string, containers: Array<LoggedContainer>, lines: Array<ContainerLine>): void => {
    const [, number, id = "", name = "", service = ""] = announced.exec(line) ?? []
    if (number !== undefined) {
      const container = { id, name, service }
      unread.set(number, onlyUnread(from, id))
      if (known.has(number)) return
      known.set(number, container)
      return void containers.push(container)
    }
    const timeEnd = line.indexOf(" ")
    const tagEnd = line.indexOf(" ", timeEnd + 1)
    const tag = line.slice(timeEnd + 1, tagEnd)
    const isPart = tag.endsWith("+")
    const key = isPart ? tag.slice(0, -1) : tag
    const container = known.get(key)
    const time = parseTime(line.slice(0, timeEnd))
    if (container === undefined || time === undefined) return
    const before = parts.get(key)
    const text = `${before?.text ?? ""}${line.slice(tagEnd + 1)}`.slice(0, maxLine)
    if (isPart) return void parts.set(key, { time: before?.time ?? time, text })
    parts.delete(key)
    const whole = { time: before?.time ?? time, text: withoutRepeatedTime(line.slice(0, timeEnd), text) }
    if (unread.get(key)?.(whole) === true) lines.push({ container, ...whole })
  }

  return (piece: Uint8Array): LogBatch => {
    const containers: Array<LoggedContainer> = []
    const lines: Array<ContainerLine> = []
    const all = (rest + decoder.decode(piece, { stream: true })).split("\n")
    // The script's lines end, so what remains is the beginning of one.
    rest = (all.pop() ?? "").slice(0, maxLine * 2)
    for (const line of all) readLine(line, containers, lines)
    return { containers, lines }
  }
}

/** Docker keeps a long line in messages of 16 KiB, and its client prints the time before each. */
const withoutRepeatedTime = (time: string, text: string): string =>
  text.length > 16_000 ? text.replaceAll(`${time} `, "") : text
