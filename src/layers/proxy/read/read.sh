# Prints `none` if there is no proxy, `foreign` if jiji did not create it; else `proxy`, its image, its digest (or -) and its
# state, and then what list.sh prints.
survey "$proxy"
[ -n "$found" ] || { echo none; exit 0; }
[ "$image" != - ] || { echo foreign; exit 0; }
echo "proxy $image $digest $state"
inside "$list" jiji "$project" </dev/null
