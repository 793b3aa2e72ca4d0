// Asks a server for a page again and again: `bun probe.ts URL`. Prints `down` and `up` with the milliseconds since the start
// of the program whenever that changes.
const [url = ""] = process.argv.slice(2)

const answers = async (): Promise<boolean> => {
  try {
    const response = await fetch(url, { keepalive: false, signal: AbortSignal.timeout(100) })
    await response.text()
    return response.ok
  } catch {
    return false
  }
}

let isUp = false
while (true) {
  const asked = performance.now()
  const now = await answers()
  // A request that fails may have waited, and its packets are lost where a container has just stopped.
  const at = now ? performance.now() : asked
  if (now !== isUp) process.stdout.write(`${now ? "up" : "down"} ${at.toFixed(1)}\n`)
  isUp = now
  await Bun.sleep(2)
}
