import { maxLine, parseTime } from "./LogLine.ts"

/** A line as docker's API sends it. */
export interface Message {
  readonly time: string
  readonly text: string
}

const newLine = 10

/**
 * Reads the logs of one container from docker's API. Without a terminal, each message has a header: the stream (1 is stdout,
 * 2 is stderr), three zeros, and the length (https://docs.docker.com/reference/api/engine/, "Stream format"). With a terminal,
 * there are only lines. A long line comes in several messages, all but the last without a line break, each with the time.
 */
export const reader = () => {
  const decoder = new TextDecoder()
  let bytes = Buffer.alloc(0)
  let isFramed: boolean | undefined
  const parts = new Map<number, Message>()

  const readMessage = (stream: number, message: Buffer, lines: Array<Message>): void => {
    const text = decoder.decode(message)
    const at = text.indexOf(" ")
    const time = parseTime(at < 0 ? text.trimEnd() : text.slice(0, at))
    if (time === undefined) return
    const before = parts.get(stream)
    const rest = at < 0 ? "" : text.slice(at + 1)
    const isWhole = message.at(-1) === newLine
    const joined = `${before?.text ?? ""}${isWhole ? rest.slice(0, -1) : rest}`.slice(0, maxLine)
    const line = { time: before?.time ?? time, text: joined }
    if (!isWhole) return void parts.set(stream, line)
    parts.delete(stream)
    lines.push(line)
  }

  const readFrames = (lines: Array<Message>): void => {
    let at = 0
    while (bytes.length - at >= 8) {
      const end = at + 8 + bytes.readUInt32BE(at + 4)
      if (bytes.length < end) break
      readMessage(bytes[at] ?? 0, bytes.subarray(at + 8, end), lines)
      at = end
    }
    bytes = bytes.subarray(at)
  }

  const readLines = (lines: Array<Message>): void => {
    for (let end = bytes.indexOf(newLine); end >= 0; end = bytes.indexOf(newLine)) {
      readMessage(0, bytes.subarray(0, end + 1), lines)
      bytes = bytes.subarray(end + 1)
    }
    if (bytes.length > maxLine * 4) bytes = bytes.subarray(0, maxLine * 4)
  }

  /** Returns the lines that a piece completes. */
  return (piece: Uint8Array): ReadonlyArray<Message> => {
    bytes = bytes.length === 0 ? Buffer.from(piece) : Buffer.concat([bytes, piece])
    // The text of a line begins with its year.
    if (bytes.length > 0) isFramed ??= (bytes[0] ?? 0) < 0x20
    const lines: Array<Message> = []
    if (isFramed === true) readFrames(lines)
    else readLines(lines)
    return lines
  }
}
