import type { Project } from "../config/Project.ts"
import * as Strategy from "../pipeline/Strategy.ts"

/** In which order a deploy goes through the project's servers, as `deploy` in deploy.yml says. */
export const rolloutOf = ({ rollout }: Project): Strategy.Strategy => {
  if (rollout === undefined) return Strategy.parallel()
  const { batch = 1, canary, strategy } = rollout
  const rest = strategy === "rolling" ? Strategy.rolling({ batch }) : Strategy.parallel()
  return canary === undefined ? rest : Strategy.canary({ first: canary, rest })
}
