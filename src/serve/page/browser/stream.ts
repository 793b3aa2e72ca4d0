import { ApiError, send } from "./api.ts"

/** A message of a stream: its ID, if it has one, and its data. */
export interface Message {
  readonly id: string
  readonly data: string
}

const parse = (frame: string): Message | undefined => {
  let id = ""
  const data: Array<string> = []
  for (const line of frame.split("\n")) {
    if (line.startsWith("id: ")) id = line.slice(4)
    else if (line.startsWith("data: ")) data.push(line.slice(6))
  }
  // A comment keeps the connection open.
  return data.length === 0 ? undefined : { id, data: data.join("\n") }
}

/** Reads a response until it ends. Passes on all messages of a chunk at once; a chunk can have none. */
const read = async (response: Response, onChunk: (messages: ReadonlyArray<Message>) => void): Promise<void> => {
  if (response.body === null) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ""
  while (true) {
    const { done, value } = await reader.read()
    if (done) return
    const frames = (rest + value).split("\n\n")
    rest = frames.pop() ?? ""
    onChunk(frames.map(parse).filter((message) => message !== undefined))
  }
}

/** Resolves when somebody looks at the page: an open stream of each hidden tab would use up the browser's connections. */
const untilVisible = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const check = () => {
      if (document.visibilityState !== "visible" && !signal.aborted) return
      document.removeEventListener("visibilitychange", check)
      resolve()
    }
    document.addEventListener("visibilitychange", check)
    check()
  })

const pause = (millis: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, millis)
    signal.addEventListener("abort", () => {
      clearTimeout(timer)
      resolve()
    })
  })

/** How long to wait before a new connection, in milliseconds: longer each time, while nothing comes. */
const shortestWait = 250
const longestWait = 10_000

/** How long a connection may be silent, in milliseconds. The server sends something every few seconds. */
const maxSilence = 20_000

/**
 * Follows a stream of server-sent events until `isOver` says that it is complete. Connects again when the connection is lost,
 * and goes on after the last message. `EventSource` cannot send the header that shows who asks.
 */
export const follow = async (
  path: string,
  options: {
    readonly signal: AbortSignal
    readonly onMessages: (messages: ReadonlyArray<Message>) => void
    /** Whether the connection is open. */
    readonly onConnected?: (isConnected: boolean) => void
    /** Called when the server has ended the stream. */
    readonly isOver?: () => Promise<boolean>
  }
): Promise<void> => {
  const { isOver, onConnected, onMessages, signal } = options
  let last = ""
  let wait = shortestWait
  while (!signal.aborted) {
    await untilVisible(signal)
    if (signal.aborted) return
    const connection = new AbortController()
    const stop = () => connection.abort()
    const hide = () => document.visibilityState === "hidden" && stop()
    let silence = setTimeout(stop, maxSilence)
    signal.addEventListener("abort", stop)
    document.addEventListener("visibilitychange", hide)
    try {
      const response = await send(path, {
        signal: connection.signal,
        headers: last === "" ? {} : { "last-event-id": last }
      })
      onConnected?.(true)
      await read(response, (messages) => {
        clearTimeout(silence)
        silence = setTimeout(stop, maxSilence)
        if (messages.length === 0) return
        wait = shortestWait
        last = messages.at(-1)?.id ?? last
        onMessages(messages)
      })
      if (isOver !== undefined && (await isOver())) return
    } catch (error) {
      if (signal.aborted) return
      // Signed out, or there is no such thing.
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) return
      if (document.visibilityState === "visible") onConnected?.(false)
    } finally {
      clearTimeout(silence)
      signal.removeEventListener("abort", stop)
      document.removeEventListener("visibilitychange", hide)
    }
    await pause(wait, signal)
    wait = Math.min(wait * 2, longestWait)
  }
}
