/** What a container uses. */
export interface Usage {
  /** Processor time, in percent of one core. */
  readonly cpu: number
  /** In bytes. */
  readonly memory: number
}

// docker counts in powers of two, podman in powers of ten.
const units: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4
}

/** Reads what `words.usage` prints. Leaves out containers that have stopped meanwhile. */
export const parseUsage = (stdout: string, ids: ReadonlyArray<string>): ReadonlyMap<string, Usage> => {
  const rows = stdout.split("\n").flatMap((line): ReadonlyArray<readonly [string, Usage]> => {
    const [short = "", percent = "", used = ""] = line.split("\t")
    const id = short === "" ? undefined : ids.find((each) => each.startsWith(short))
    const [, amount, unit = ""] = /^([\d.]+) ?([a-zA-Z]+)/.exec(used) ?? []
    const [cpu, memory] = [Number.parseFloat(percent), Number(amount) * (units[unit] ?? Number.NaN)]
    return id === undefined || Number.isNaN(cpu) || Number.isNaN(memory)
      ? []
      : [[id, { cpu, memory: Math.round(memory) }]]
  })
  return new Map(rows)
}
