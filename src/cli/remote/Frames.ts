/** A part of a stream of server-sent events: an event, or a comment, which jiji serve sends while there are no events. */
export type Frame = { readonly _tag: "Event"; readonly id: number; readonly data: string } | { readonly _tag: "Idle" }

/** The longest frame that is read, in characters. jiji serve stores events up to half of it. */
const maxFrame = 8 * 1024 * 1024

/** A frame is longer than any event of a run. */
export class FrameTooLong extends Error {}

const parse = (text: string): ReadonlyArray<Frame> => {
  let id = Number.NaN
  const data: Array<string> = []
  let isIdle = false
  for (const line of text.split("\n")) {
    if (line.startsWith(":")) isIdle = true
    if (line.startsWith("id: ")) id = Number(line.slice(4))
    if (line.startsWith("data: ")) data.push(line.slice(6))
  }
  if (data.length > 0 && Number.isSafeInteger(id) && id > 0) return [{ _tag: "Event", id, data: data.join("\n") }]
  return isIdle ? [{ _tag: "Idle" }] : []
}

/** Splits the text of a stream into frames. Not effect's parser, which leaves out the comments. */
export const makeFrames = () => {
  let rest = ""
  return (chunk: string): ReadonlyArray<Frame> => {
    const parts = (rest + chunk).replaceAll("\r\n", "\n").split("\n\n")
    rest = parts.pop() ?? ""
    if (rest.length > maxFrame) throw new FrameTooLong()
    return parts.flatMap(parse)
  }
}
