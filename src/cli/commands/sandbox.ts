import { Effect } from "effect"
import { Command } from "effect/cli"
import * as Sandbox from "../../sandbox/Sandbox.ts"
import { containerName } from "../../steps/Plan.ts"
import { open } from "../loadProject.ts"

/** `jiji sandbox`. */
export const command = (write: (text: string) => void) =>
  Command.make(
    "sandbox",
    {},
    Effect.fnUntraced(function* () {
      const loaded = yield* open({})
      const sandbox = yield* Sandbox.make(loaded)
      const lines = [
        `A throwaway SSH server listens on 127.0.0.1:${sandbox.port}. What is deployed to it runs on this machine, as ${sandbox.user}.`,
        "In another terminal: jiji deploy -e sandbox",
        "Ctrl-C ends it, and takes away what it wrote."
      ]
      write(`${lines.join("\n")}\n`)
      const containers = loaded.services.map((service) => containerName(loaded, service)).join(" ")
      yield* Effect.addFinalizer(() =>
        Effect.sync(() =>
          write(
            `\nWhat was deployed to it stays on this machine. To remove it: ${loaded.engine} rm --force ${containers}\n`
          )
        )
      )
      return yield* Effect.never
    }, Effect.scoped)
  ).pipe(
    Command.withDescription("Keep a throwaway SSH server on this machine's loopback, to try a deploy with no server")
  )
