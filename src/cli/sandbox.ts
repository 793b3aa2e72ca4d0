import { Effect } from "effect"
import { Command } from "effect/cli"
import { load } from "../config/load.ts"
import * as Sandbox from "../testing/Sandbox.ts"
import { given, project } from "./flags.ts"

/** `jiji sandbox`. */
export const command = (write: (text: string) => void) =>
  Command.make(
    "sandbox",
    { config: project.config },
    Effect.fnUntraced(function* ({ config }) {
      const loaded = yield* load({ cwd: process.cwd(), ...given("config", config) })
      const sandbox = yield* Sandbox.make(loaded)
      write(
        `A throwaway SSH server listens on 127.0.0.1:${sandbox.port}; commands run as ${sandbox.user} on this machine.\n`
      )
      write(`In another terminal: jiji deploy -e sandbox\n`)
      write("Ctrl-C ends it, and takes away all that it wrote.\n")
      return yield* Effect.never
    }, Effect.scoped)
  ).pipe(
    Command.withDescription("Keep a throwaway SSH server on this machine's loopback, to try a deploy with no server")
  )
