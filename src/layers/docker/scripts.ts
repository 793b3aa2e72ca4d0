import check from "./check.sh" with { type: "text" }
import engine from "./engine.sh" with { type: "text" }
import login from "./login.sh" with { type: "text" }
import probe from "./probe.sh" with { type: "text" }
import pull from "./pull.sh" with { type: "text" }
import push from "./push.sh" with { type: "text" }
import replace from "./replace.sh" with { type: "text" }
import terminal from "./terminal.sh" with { type: "text" }

/** The scripts that run on machines, by name. `login`, `terminal` and `engine` define functions that the others use. */
export const scripts = {
  check: `${login}${check}`,
  probe: `${engine}${probe}`,
  pull: `${login}${terminal}${engine}${pull}`,
  push: `${login}${terminal}${engine}${push}`,
  replace
}
