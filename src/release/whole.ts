/**
 * jiji with every module that a pipeline's file may import. The one file carries it beside the smaller main.ts, and runs it
 * where such a file is read: everything else starts faster without it.
 */
import { carry } from "../cli/pipelines/modules.ts"
import { modules } from "./modules.ts"

carry(modules)
void import("../main.ts")
