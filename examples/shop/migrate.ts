import { db } from "./db.ts"

/** Each runs once, in this order. Add new ones at the end. */
const migrations = [() => db.set("product", "Tea"), () => db.set("ordered", "0")]

const done = Number((await db.get("migrations")) ?? 0)
for (const migrate of migrations.slice(done)) {
  await migrate()
  await db.incr("migrations")
}
const release = await db.incr("release")
console.log(`release ${release}: ${migrations.length - done} of ${migrations.length} migrations were new`)
process.exit()
