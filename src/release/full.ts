/**
 * jiji with every module that a pipeline file can import. The compiled program contains it beside main.ts, which starts
 * faster, and runs it only for commands that load pipeline files.
 */
import { embedModules } from "../cli/pipelines/modules.ts"
import { modules } from "./modules.ts"

embedModules(modules)
void import("../main.ts")
