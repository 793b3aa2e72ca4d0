import { RedisClient } from "bun"

/** The database. `db` in its address is the service of that name in deploy.yml. */
export const db = new RedisClient(process.env["DATABASE_URL"] ?? "redis://localhost:6379")
