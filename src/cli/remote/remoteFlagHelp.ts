import { Flag } from "effect/cli"

/** The flags of `remoteFlags.ts`, for the help. They are taken out of the words before a command reads its flags. */
export const remoteFlagHelp = {
  remote: Flag.String("remote").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription(
      "Run the command on the jiji serve at this address (default: JIJI_REMOTE; else on this machine)"
    ),
    Flag.optional
  ),
  project: Flag.String("project").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("With --remote: the project (default: that of the current folder, or the only one)"),
    Flag.optional
  ),
  tokenFile: Flag.String("token-file").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("With --remote: file with the token, `-` for stdin (default: the token in JIJI_TOKEN)"),
    Flag.optional
  ),
  detach: Flag.Boolean("detach").pipe(
    Flag.withDescription("With --remote: print the run's number and do not wait for it"),
    Flag.withDefault(false)
  ),
  allowHttp: Flag.Boolean("allow-http").pipe(
    Flag.withDescription(
      "With --remote: send the token without encryption; for networks that are encrypted themselves"
    ),
    Flag.withDefault(false)
  )
}
