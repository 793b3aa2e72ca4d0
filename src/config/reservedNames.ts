/**
 * Variables that the engine's client, or the shell that starts it, takes for its own. A container's secrets reach the
 * client in its environment, since there is no other way for several lines that is on no command line: under one of
 * these names one would move its configuration, or not arrive.
 */
const reserved: ReadonlyArray<RegExp> = [
  // jiji's own.
  /^JIJI_/u,
  // The clients': https://docs.docker.com/reference/cli/docker/#environment-variables, podman(1) and what it is made of.
  /^(?:DOCKER|CONTAINERS?|BUILDAH|LIBPOD|XDG)_/u,
  /^(?:HOME|PATH|USER|TMPDIR|REGISTRY_AUTH_FILE|STORAGE_(?:DRIVER|OPTS)|SSL_CERT_(?:FILE|DIR)|DBUS_SESSION_BUS_ADDRESS)$/u,
  // What starts a service talks to it by these; podman listens.
  /^(?:NOTIFY_SOCKET|LISTEN_(?:FDS|PID|FDNAMES))$/u,
  // The loader's and the Go runtime's.
  /^(?:LD|MALLOC)_|^GLIBC_TUNABLES$|^GO(?:DEBUG|GC|MAXPROCS|MEMLIMIT|TRACEBACK|COVERDIR)$/u,
  // Shells': some cannot be set, some lose what they are set to, some change what the shell does.
  /^(?:BASH|COMP_|PS[0-9]$)/u,
  /^(?:IFS|ENV|PWD|OLDPWD|CDPATH|SHELL|SHELLOPTS|PPID|UID|EUID|LINENO|OPTARG|OPTIND|OPTERR|DIRSTACK|FUNCNAME|GROUPS)$/u,
  /^(?:HISTCMD|PIPESTATUS|POSIXLY_CORRECT|RANDOM|SHLVL|SRANDOM|SECONDS|EPOCHREALTIME|EPOCHSECONDS)$/u
]

/** Why a secret's name cannot be a container's variable, as a sentence. */
export const reservedName = (name: string): string | undefined =>
  reserved.some((pattern) => pattern.test(name))
    ? `${name} cannot be a container's secret, because the engine's client uses this variable itself; choose another name, or put it under clear if it is not secret`
    : undefined
