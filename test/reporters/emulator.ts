import { Terminal } from "@xterm/headless"
import { Effect, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Event } from "../../src/core/Event.ts"
import { terminal } from "../../src/reporters/terminal.ts"

/** Emulates a terminal, to check what its user sees. */
export const emulator = (columns: number, rows: number) => {
  const screen = new Terminal({ cols: columns, rows, scrollback: 5000, allowProposedApi: true, convertEol: true })
  let written = Promise.resolve()
  let raw = ""
  const lines = (from: number) => {
    const { active } = screen.buffer
    const all = Array.from({ length: active.length }, (_, index) => active.getLine(index))
    return all.slice(from).map((line) => line?.translateToString(true) ?? "")
  }
  return {
    write: (text: string) => {
      raw += text
      written = written.then(() => new Promise((done) => screen.write(text, done)))
    },
    /** Everything that was written, with escape sequences. */
    raw: () => raw,
    get columns() {
      return screen.cols
    },
    get rows() {
      return screen.rows
    },
    resize: async (columns: number, rows: number) => {
      await written
      screen.resize(columns, rows)
    },
    /** The visible text. */
    now: async () => {
      await written
      return lines(screen.buffer.active.baseY).join("\n").trimEnd()
    },
    /** The visible text and the scrollback. */
    all: async () => {
      await written
      return lines(0).join("\n").trimEnd()
    },
    /** The lines as they were written, no matter how they wrap now. */
    logical: async () => {
      await written
      const { active } = screen.buffer
      const all: Array<string> = []
      for (let index = 0; index < active.length; index++) {
        const line = active.getLine(index)
        const text = line?.translateToString(true) ?? ""
        if (line?.isWrapped === true) all.push(`${all.pop()}${text}`)
        else all.push(text)
      }
      return all
    },
    /** Whether any line wrapped. */
    wrapped: async () => {
      await written
      const { active } = screen.buffer
      return Array.from({ length: active.length }, (_, index) => active.getLine(index)).some((line) => line?.isWrapped)
    },
    cursor: () => [screen.buffer.active.cursorX, screen.buffer.active.cursorY] as const
  }
}

export type Emulator = ReturnType<typeof emulator>

/** Shows a run on the emulator. `play` sends events at the times that they contain. */
export const playing = Effect.fnUntraced(function* (screen: Emulator, colors = false) {
  const queue = yield* Queue.unbounded<Event>()
  const output = {
    write: screen.write,
    colors,
    get columns() {
      return screen.columns
    },
    get rows() {
      return screen.rows
    }
  }
  const fiber = yield* Effect.forkChild(terminal(output)(Stream.fromQueue(queue)), { startImmediately: true })
  return {
    play: Effect.fnUntraced(function* (events: ReadonlyArray<Event>) {
      for (const event of events) {
        yield* TestClock.setTime(event.time)
        yield* Queue.offer(queue, event)
        yield* Effect.yieldNow
      }
      yield* TestClock.adjust("200 millis")
    }),
    ended: Fiber.join(fiber),
    interrupt: Fiber.interrupt(fiber)
  }
})
