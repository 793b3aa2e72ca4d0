# lacks_dns BACKEND: whether podman with this network backend misses aardvark-dns. With netavark, podman starts containers
# without it, too, but then nothing resolves their names. Podman looks for both in these folders. If netavark is elsewhere,
# so is aardvark-dns.
lacks_dns() {
  [ "$1" = netavark ] || return
  known=''
  for helpers in /usr/local/libexec/podman /usr/local/lib/podman /usr/libexec/podman /usr/lib/podman; do
    [ ! -x "$helpers/aardvark-dns" ] || return 1
    [ ! -x "$helpers/netavark" ] || known=yes
  done
  [ -n "$known" ]
}

