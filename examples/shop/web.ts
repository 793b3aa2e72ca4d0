import { db } from "./db.ts"

const page = async () => {
  const [product, ordered, shipped, release] = await db.mget("product", "ordered", "shipped", "release")
  return `<h1>${product}</h1>
<p>${ordered ?? 0} ordered, ${shipped ?? 0} shipped</p>
<form method="post" action="/orders"><button>Order</button></form>
<footer>Release ${release}</footer>
`
}

const order = async () => {
  const number = await db.incr("ordered")
  await db.lpush("orders", `${number}`)
  return new Response(`Thank you. Your order is number ${number}.\n`, { status: 201 })
}

const server = Bun.serve({
  port: 3000,
  routes: {
    "/": async () => new Response(await page(), { headers: { "Content-Type": "text/html; charset=utf-8" } }),
    "/orders": { POST: order },
    // A new container gets requests only after this has answered.
    "/up": async () => new Response(await db.ping())
  }
})

// Process 1 of a container gets only the signals that it handles.
process.on("SIGTERM", async () => {
  await server.stop()
  process.exit()
})
