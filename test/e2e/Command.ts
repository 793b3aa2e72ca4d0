import { readFileSync } from "node:fs"

/** How a command runs. Its environment is `env` and a plain PATH and HOME, nothing else. */
export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string | Blob
  /** Milliseconds until it is killed. Default: 300 000. */
  readonly timeout?: number
}

/** The result of a command. */
export interface Result {
  /** 128 plus the signal's number if a signal ended it. */
  readonly code: number
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly milliseconds: number
}

/** A command that runs in its own session and process group, as in its own terminal. */
export class Running {
  #stdout = ""
  #stderr = ""
  #waiting: Array<() => void> = []
  readonly #process: Bun.Subprocess<Blob | "ignore", "pipe", "pipe">
  readonly done: Promise<Result>

  constructor(
    words: ReadonlyArray<string>,
    options: CommandOptions & { readonly env: Readonly<Record<string, string>> }
  ) {
    const started = performance.now()
    this.#process = Bun.spawn([...words], {
      cwd: "/",
      env: options.env,
      stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
      stdout: "pipe",
      stderr: "pipe"
    })
    const read = async (stream: ReadableStream<Uint8Array>, take: (text: string) => void) => {
      const decoder = new TextDecoder()
      for await (const chunk of stream) {
        take(decoder.decode(chunk, { stream: true }))
        this.#changed()
      }
    }
    const timer = setTimeout(() => {
      this.#stderr += "\nkilled: it did not end in time\n"
      this.kill("SIGKILL")
    }, options.timeout ?? 300_000)
    this.done = Promise.all([
      this.#process.exited,
      read(this.#process.stdout, (text) => (this.#stdout += text)),
      read(this.#process.stderr, (text) => (this.#stderr += text))
    ]).then(([code]) => {
      clearTimeout(timer)
      this.#changed()
      return {
        code,
        signal: this.#process.signalCode === null ? null : `${this.#process.signalCode}`,
        stdout: this.#stdout,
        stderr: this.#stderr,
        milliseconds: performance.now() - started
      }
    })
  }

  #changed() {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  /** All output so far. */
  get output(): string {
    return this.#stdout + this.#stderr
  }

  /** Waits until the output matches. Fails when the command exits first, or after `timeout` milliseconds. */
  async waitFor(pattern: string | RegExp, timeout = 60_000): Promise<void> {
    const expired = AbortSignal.timeout(timeout)
    let ended = false
    const end = this.done.then(() => (ended = true))
    const matches = () => (typeof pattern === "string" ? this.output.includes(pattern) : pattern.test(this.output))
    while (!matches()) {
      if (ended || expired.aborted) {
        throw new Error(`${String(pattern)} was not printed ${ended ? "before the end" : "in time"}:\n${this.output}`)
      }
      await Promise.race([
        end,
        new Promise<void>((resolve) => this.#waiting.push(resolve)),
        new Promise((resolve) => expired.addEventListener("abort", resolve, { once: true }))
      ])
    }
  }

  /** The command's process id on the machine. Its parent is nsenter, which passes no signals on. */
  get pid(): number {
    const child = childrenOf(this.#process.pid)[0]
    if (child === undefined) throw new Error(`the command has ended:\n${this.output}`)
    return child
  }

  /** Signals the command alone. */
  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal)
  }

  /** Signals the command and its children, as Ctrl-C in a terminal does. */
  killGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal)
  }
}

const childrenOf = (pid: number): ReadonlyArray<number> => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number)
  } catch {
    return []
  }
}
