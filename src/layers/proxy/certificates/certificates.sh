# Prints the certificates of the proxy if it runs: those that it got by ACME, and those of one project.
survey "$proxy"
[ "$state" = running ] && [ "$image" != - ] || exit 0
inside 'for file in /data/caddy/certificates/*/*/*.crt /jiji/certs/"$1"/*.crt; do [ ! -f "$file" ] || cat "$file"; done' \
  jiji "$project" </dev/null
