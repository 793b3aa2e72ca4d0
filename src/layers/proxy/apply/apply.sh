# Passes its stdin on to apply.sh in the proxy, and prints what that prints; `absent` if the proxy does not run.
lock_proxy
survey "$proxy"
[ "$state" = running ] && [ "$image" != - ] || { echo absent; exit 0; }
inside "$script" jiji "$expected" "$mode"
