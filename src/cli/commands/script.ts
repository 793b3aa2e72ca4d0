import { Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { build } from "../../layers/diagnosis/build/build.ts"
import { look } from "../../layers/diagnosis/look/look.ts"
import { tunnel } from "../../layers/diagnosis/tunnel/tunnel.ts"
import { builder } from "../../layers/docker/builder/builder.ts"
import { check } from "../../layers/docker/check/check.ts"
import { exec } from "../../layers/docker/exec/exec.ts"
import { kept } from "../../layers/docker/kept/kept.ts"
import { name as nameImage } from "../../layers/docker/name/name.ts"
import { network } from "../../layers/docker/network/network.ts"
import { logs } from "../../layers/docker/logs/logs.ts"
import { probe } from "../../layers/docker/probe/probe.ts"
import { prune } from "../../layers/docker/prune/prune.ts"
import { pull } from "../../layers/docker/pull/pull.ts"
import { push } from "../../layers/docker/push/push.ts"
import { release } from "../../layers/docker/release/release.ts"
import { remoteBuild } from "../../layers/docker/remoteBuild/remoteBuild.ts"
import { remove } from "../../layers/docker/remove/remove.ts"
import { pushIndex } from "../../layers/docker/pushIndex/pushIndex.ts"
import { replace } from "../../layers/docker/replace/replace.ts"
import { tidy } from "../../layers/docker/tidy/tidy.ts"
import { commit } from "../../layers/git/commit/commit.ts"
import { ignored } from "../../layers/git/ignored/ignored.ts"
import { version } from "../../layers/git/version/version.ts"
import { session } from "../../layers/shell/session/session.ts"
import { audit } from "../../layers/lock/audit/audit.ts"
import { hold } from "../../layers/lock/hold/hold.ts"
import { mark } from "../../layers/lock/mark/mark.ts"
import { apply } from "../../layers/proxy/apply/apply.ts"
import { certificates } from "../../layers/proxy/certificates/certificates.ts"
import { ensure } from "../../layers/proxy/ensure/ensure.ts"
import { ownSites } from "../../layers/proxy/ownSites/ownSites.ts"
import { ports } from "../../layers/proxy/ports/ports.ts"
import { read } from "../../layers/proxy/read/read.ts"
import { registry } from "../../layers/registryContainer/registry/registry.ts"
import { setup } from "../../layers/setup/setup.ts"
import secret from "../../layers/secrets/command.sh" with { type: "text" }
import { joinWords } from "../../core/text.ts"
import { Terminal } from "../process/Terminal.ts"

const defined = [
  apply,
  audit,
  build,
  builder,
  certificates,
  check,
  commit,
  ensure,
  exec,
  hold,
  ignored,
  kept,
  logs,
  look,
  mark,
  nameImage,
  network,
  ownSites,
  ports,
  probe,
  prune,
  pull,
  push,
  pushIndex,
  read,
  registry,
  release,
  remoteBuild,
  remove,
  replace,
  session,
  setup,
  tidy,
  tunnel,
  version
]

const texts = new Map([...defined.map(({ name, text }) => [name, text] as const), ["secret", secret] as const])

const names = [...texts.keys()].toSorted()

/** `jiji script`. */
export const command = Command.make(
  "script",
  {
    name: Argument.Literals("name", names).pipe(
      Argument.withDescription(`Script to print: ${joinWords(names, "or")} (default: list the names of all scripts)`),
      Argument.optional
    )
  },
  Effect.fnUntraced(function* ({ name }) {
    const { write } = yield* Terminal
    write(Option.match(name, { onNone: () => `${names.join("\n")}\n`, onSome: (name) => `${texts.get(name)}` }))
  })
).pipe(Command.withDescription("Print a script that jiji runs (jiji:NAME.sh in the output of --dry-run)"))
