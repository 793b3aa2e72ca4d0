/**
 * Simulates a deploy to two servers, where web2 loses its connection in the middle of the pull, and prints every command:
 * `bun examples/dry-run/rehearse.ts`. It changes nothing and connects to nothing.
 */
import { Console, Effect } from "effect"
import { deploy } from "jiji"
import { Answer, DryRun, Rehearsal } from "jiji/testing"

const project = Rehearsal.project(`
project: shop
servers:
  web1: { host: 203.0.113.10 }
  web2: { host: 203.0.113.11 }
services:
  web:
    build: { context: . }
    hosts: [web1, web2]
    ports: ["8080:80"]
    environment: { secrets: [DATABASE_URL] }
`)

const program = Effect.gen(function* () {
  const answers = [Answer.when({ on: "web2", command: "jiji:pull.sh" }, Answer.cutOff())]
  const secrets = { DATABASE_URL: "postgres://db.internal/shop" }
  const { entries, failures } = yield* Rehearsal.run(deploy, { project }, { answers, secrets })
  const ending = failures.map(({ message, remedy }) => `  ${message}\n  → ${remedy}`)
  const text = [
    "A deploy in which web2 loses its connection:",
    ...DryRun.lines(entries),
    "",
    "and its errors:",
    ...ending
  ]
  yield* Console.log(text.join("\n"))
})

await Effect.runPromise(program)
