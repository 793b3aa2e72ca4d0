/**
 * jiji with every module that a pipeline file can import, and with the server. The compiled program contains it beside
 * main.ts, which starts faster, and runs it only for commands that load pipeline files, and for the server.
 */
import { embedModules } from "../cli/pipelines/modules.ts"
import * as serve from "../cli/serve/module.ts"
import { embedServe } from "../cli/serve/ServeModule.ts"
import { modules } from "./modules.ts"

embedModules(modules)
embedServe(serve)
void import("../main.ts")
