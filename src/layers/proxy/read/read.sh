# Prints `none` if there is no proxy, `foreign` if jiji did not create it; else `proxy`, its image, its digest (or -) and its
# state, then what list.sh prints, and `gone PROJECT` for each other project that has sites and no container behind the proxy.
survey "$proxy"
[ -n "$found" ] || { echo none; exit 0; }
[ "$image" != - ] || { echo foreign; exit 0; }
echo "proxy $image $digest $state"
listed=$(inside "$list" jiji "$project" </dev/null) || exit
printf '%s\n' "$listed"
others=$(printf '%s\n' "$listed" | sed -n 's/^sites \([^ ]*\) .*/\1/p' | grep -vxF "$project")
[ -n "$others" ] || exit 0
format='{{.Label "jiji.project"}}'
[ "$engine" != podman ] || format='{{index .Labels "jiji.project"}}'
present=$(e ps --all --filter label=jiji.proxied=yes --format "$format") || exit 0
for each in $others; do
  printf '%s\n' "$present" | grep -qxF "$each" || echo "gone $each"
done
