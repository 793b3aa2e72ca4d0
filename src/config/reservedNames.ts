/**
 * Variables that the engine's client, or the shell that starts it, interprets. jiji passes the secrets of a container to
 * the client in environment variables: that is the only way that supports several lines and is not on a command line. A
 * secret with one of these names would change the client's configuration, or not arrive.
 */
const reserved: ReadonlyArray<RegExp> = [
  // jiji's own variables.
  /^JIJI_/u,
  // docker: https://docs.docker.com/reference/cli/docker/#environment-variables; podman(1) and its libraries.
  /^(?:DOCKER|CONTAINERS?|BUILDAH|LIBPOD|XDG)_/u,
  /^(?:HOME|PATH|USER|TMPDIR|REGISTRY_AUTH_FILE|STORAGE_(?:DRIVER|OPTS)|SSL_CERT_(?:FILE|DIR)|DBUS_SESSION_BUS_ADDRESS)$/u,
  // systemd's interface to services, which podman uses.
  /^(?:NOTIFY_SOCKET|LISTEN_(?:FDS|PID|FDNAMES))$/u,
  // The dynamic loader and the Go runtime.
  /^(?:LD|MALLOC)_|^GLIBC_TUNABLES$|^GO(?:DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK|COVERDIR)$/u,
  // Shells: some variables are read-only, some lose their value, some change how the shell works.
  /^(?:BASH|COMP_|PS[0-9]$)/u,
  /^(?:IFS|ENV|PWD|OLDPWD|CDPATH|SHELL|SHELLOPTS|PPID|UID|EUID|LINENO|OPTARG|OPTIND|OPTERR|DIRSTACK|FUNCNAME|GROUPS)$/u,
  /^(?:HISTCMD|PIPESTATUS|POSIXLY_CORRECT|RANDOM|SHLVL|SRANDOM|SECONDS|EPOCHREALTIME|EPOCHSECONDS)$/u
]

/** Returns an error message if a secret with this name cannot be a variable of a container. */
export const reservedName = (name: string): string | undefined =>
  reserved.some((pattern) => pattern.test(name))
    ? `${name} cannot be a container's secret, because the engine's client uses this variable itself; choose another name, or put it under clear if it is not secret`
    : undefined
