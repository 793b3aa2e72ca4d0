import { expect, test } from "bun:test"
import { Completions } from "effect/cli"
import { command as root } from "../../src/cli/commands/root.ts"

/**
 * The flags that commands share: `-c` and `-e` (which project), `-H` (which servers), `-S` (which services), `--wait` (for the
 * lock), `--dry-run`, `--json`, and `--yes` (do not ask).
 *
 * A command has no `-S` if it is about the project as a whole, or if its argument names the one service (exec, console). It has
 * no `--dry-run` if it changes and asks nothing, or runs what a person typed.
 */
const expected = `
init              --dry-run --json --yes
plan              -c -e -H -S --dry-run --json
deploy            -c -e -H -S --wait --dry-run --json --yes
rollback          -c -e -H -S --wait --dry-run --json
versions          -c -e -H -S --dry-run --json
ps                -c -e -H -S --dry-run --json
logs              -c -e -H -S --dry-run --json
exec              -c -e -H
console           -c -e -H
start             -c -e -H -S --wait --dry-run --json
stop              -c -e -H -S --wait --dry-run --json --yes
restart           -c -e -H -S --wait --dry-run --json
maintenance       -c -e -H -S --wait --dry-run --json
remove            -c -e -H -S --wait --dry-run --json --yes
prune             -c -e -H --wait --dry-run --json --yes
lock              -c -e -H --wait --dry-run --json
unlock            -c -e -H --dry-run --json
audit             -c -e -H --dry-run --json
runs              --json
runs show         --json
runs follow       --json
runs artifact
resume            --json
cancel
signal
diff              --json
why               -c -e -H -S --dry-run --json
doctor            -c -e -H --dry-run --json
server
server list       -c -e -H --json
server exec       -c -e -H
server setup      -c -e -H --dry-run --json --yes
config            -c -e -H -S --json
schema
registry
registry login    -c -e -H --dry-run --json
registry logout   -c -e -H --dry-run --json
registry status   -c -e
registry serve    -c -e
registry remove   -c -e --json --yes
secrets
secrets print     -c -e
run
list
serve
token
token create
token list        --json
token revoke
sandbox
script
completions
version
help
`

const shared = ["config", "environment", "hosts", "services", "wait", "dry-run", "json", "yes"]

const shown = (
  path: ReadonlyArray<string>,
  { flags, subcommands }: Completions.CommandDescriptor
): ReadonlyArray<string> => {
  const own = shared.flatMap((name) => {
    const flag = flags.find((each) => each.name === name)
    if (flag === undefined) return []
    return flag.aliases[0] === undefined ? [`--${name}`] : [`-${flag.aliases[0]}`]
  })
  const line = `${path.join(" ").padEnd(17)} ${own.join(" ")}`.trimEnd()
  return [line, ...subcommands.flatMap((each) => shown([...path, each.name], each))]
}

test("every command has the flags of its kind", () => {
  const lines = Completions.fromCommand(root).subcommands.flatMap((each) => shown([each.name], each))
  expect(lines).toEqual(expected.trim().split("\n"))
})
