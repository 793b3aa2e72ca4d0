/** Where something happens, as part of a sentence. `machine` is `local` or the name of a server. */
export const on = (machine: string): string => (machine === "local" ? "on this machine" : `on ${machine}`)

/** Where a request comes from, as part of a sentence. */
export const from = (machine: string): string => (machine === "local" ? "from this machine" : `from ${machine}`)
