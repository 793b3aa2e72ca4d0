// oxlint-disable-next-line typescript/triple-slash-reference -- a program that imports this has no tsconfig of ours
/// <reference path="../core/scripts.d.ts" />
/** Tools to test and rehearse pipelines: simulated machines that answer from a script, and a throwaway SSH server. */
export * as Answer from "./Answer.ts"
export * as DryRun from "../rehearsal/DryRun.ts"
export * as Recording from "../rehearsal/layers.ts"
export * as Rehearsal from "./Rehearsal.ts"
export * as Sandbox from "../sandbox/Sandbox.ts"
export * as SshServer from "../sandbox/SshServer.ts"
