import { db } from "./db.ts"

// Process 1 of a container gets only the signals that it handles.
const stop = new AbortController()
process.on("SIGTERM", () => stop.abort())

while (!stop.signal.aborted) {
  // Waits up to a second for an order.
  const order = await db.brpop("orders", 1)
  if (order === null) continue
  await db.incr("shipped")
  console.log(`shipped order ${order[1]}`)
}
process.exit()
