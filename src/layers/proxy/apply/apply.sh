# Passes its stdin on to apply.sh in the proxy, and prints what that prints; `absent` if the proxy does not run.
lock_proxy
survey "$proxy"
[ "$state" = running ] && [ "$image" != - ] || { echo absent; exit 0; }
# Podman sometimes loses what a short exec prints. If that was the answer, the next one is that the sites have changed.
input=$(cat) answer='' tries=0
while [ -z "$answer" ] && [ "$tries" -lt 3 ]; do
  tries=$((tries + 1))
  answer=$(printf '%s\n' "$input" | inside "$script" jiji "$expected" "$mode") || exit
done
printf '%s\n' "$answer"
