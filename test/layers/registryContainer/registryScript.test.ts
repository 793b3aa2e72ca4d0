import { describe, expect } from "bun:test"
import { Effect } from "effect"
import { argumentsOf } from "../../../src/layers/processes/Command.ts"
import { registry } from "../../../src/layers/registryContainer/registry/registry.ts"
import { it } from "../../support/effect.ts"
import * as FakeEngine from "../docker/FakeEngine.ts"

/** An engine with one container at most. Docker says that a paused or restarting container is `Running`, too. */
const program = `
state=\${0%/*}/state
status=; [ ! -e "$state/status" ] || read -r status <"$state/status"
case $1 in
  ps) [ -z "$status" ] || echo the-id ;;
  inspect)
    running=false
    case $status in running | paused | restarting) running=true ;; esac
    printf '%s\\n' "$5" | sed -e 's|{{if .*{{end}}|9270|' -e 's|{{.Config.Image}}|registry:3|' \
      -e "s|{{.State.Status}}|$status|" -e "s|{{.State.Running}}|$running|"
    ;;
  *)
    echo "$1 $([ "$1" = create ] || echo "$*" | sed 's/.* //')" >>"$state/done"
    [ ! -e "$state/$1-fails" ] || { cat "$state/$1-fails" >&2; exit 125; }
    [ "$1" != create ] || echo new-id
    ;;
esac`

for (const shell of ["sh", "busybox sh"]) {
  const run = Effect.fnUntraced(function* (
    status: string,
    fails: Readonly<Record<string, string>> = {},
    image = "registry:3"
  ) {
    const engine = yield* FakeEngine.make()
    engine.program("docker", program)
    if (status !== "") engine.set("status", `${status}\n`)
    for (const [operation, message] of Object.entries(fails)) engine.set(`${operation}-fails`, `${message}\n`)
    const args = argumentsOf(registry.command({ engine: "docker", name: "jiji-registry", port: 9270, image }))
    const script = Effect.flatMap(engine.start(shell, registry.text, args), ({ ended }) => ended)
    const { code, stderr, stdout } = yield* Effect.scoped(script)
    return { code, stdout, stderr, calls: engine.get("done").split("\n").slice(0, -1) }
  })

  describe(`the script for the registry's container, with ${shell}`, () => {
    for (const [status, answer, calls] of [
      ["", "created", ["create ", "start new-id"]],
      ["running", "running", []],
      ["paused", "started", ["unpause the-id"]],
      ["restarting", "started", ["start the-id"]],
      ["exited", "started", ["start the-id"]],
      ["created", "started", ["start the-id"]]
    ] as const) {
      it.live(`makes it run: ${status || "missing"}`, () =>
        Effect.gen(function* () {
          expect(yield* run(status)).toEqual({ code: 0, stdout: `${answer}\n`, stderr: "", calls: [...calls] })
        })
      )
    }

    it.live("recreates it for another image", () =>
      Effect.gen(function* () {
        const { calls, stdout } = yield* run("running", {}, "registry:2")
        expect([stdout, calls]).toEqual(["created\n", ["rm the-id", "create ", "start new-id"]])
      })
    )

    it.live("removes a new container that does not start", () =>
      Effect.gen(function* () {
        const { calls, code, stderr } = yield* run("", { start: "port is already allocated" })
        expect([code, stderr, calls]).toEqual([
          125,
          "port is already allocated\n",
          ["create ", "start new-id", "rm new-id"]
        ])
      })
    )

    it.live("leaves the container alone that another run of jiji has created meanwhile", () =>
      Effect.gen(function* () {
        const { calls, code } = yield* run("", { create: "Conflict. The container name is already in use" })
        expect([code, calls]).toEqual([125, ["create "]])
      })
    )

    it.live("reports that a paused container cannot be continued", () =>
      Effect.gen(function* () {
        const { code, stderr, stdout } = yield* run("paused", { unpause: "no such cgroup" })
        expect([code, stdout, stderr]).toEqual([125, "", "no such cgroup\n"])
      })
    )
  })
}
