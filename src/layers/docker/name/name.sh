# Gives an image another name, unless that is empty, and prints its JSON. Prints `absent` if there is no such image.
"$engine" image inspect "$from" >/dev/null 2>&1 || { echo absent; exit 0; }
[ -z "$to" ] || "$engine" tag "$from" "$to" || exit
"$engine" image inspect "${to:-$from}"
