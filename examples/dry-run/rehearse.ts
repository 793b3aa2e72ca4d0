/**
 * Rehearses a deploy to two servers, one of which loses its connection in the middle of the pull, and prints all that
 * would be run: `bun examples/dry-run/rehearse.ts`. Nothing is touched, and no connection is made.
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
  const text = ["A deploy in which web2 is cut off:", ...DryRun.lines(entries), "", "and how it would end:", ...ending]
  yield* Console.log(text.join("\n"))
})

await Effect.runPromise(program)
