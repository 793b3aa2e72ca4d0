import type { Project } from "../config/Project.ts"
import { local, type Machine, remote } from "../layers/shell/Machine.ts"

/** The machine that builds the project's images, and pushes them. */
export const builderOf = ({ builder }: Pick<Project, "builder">): Machine =>
  builder === undefined ? local : remote(builder)
