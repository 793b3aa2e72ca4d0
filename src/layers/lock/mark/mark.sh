# Writes, ends or lists the locks of `jiji lock`. With action=lock, this user's other locks of the same owner end.
set -u

# rewrite LINE: adds a line to this user's file, and drops those whose time is over.
rewrite() {
  own marks || refuse
  now=$(date +%s) new=$base.new.$me
  kept=$(
    while read -r word id since expires rest; do
      case $word in unlock) at=$since ;; *) at=$expires ;; esac
      is_time "$at" || continue
      [ "$at" -le "$now" ] || printf '%s\n' "$word $id $since${expires:+ $expires}${rest:+ $rest}"
    done <"$file"
  )
  replacement "$new" "$kept
$1" && mv -f "$new" "$file" && return
  is_own "$new" || file=$new
  refuse
}

# refuse: says why a file cannot be used.
refuse() {
  if is_own "$file" || ! owner=$(stat -c %U "$file" 2>/dev/null); then
    echo "$file cannot be written" >&2
  else
    echo "$file belongs to the user $owner" >&2
  fi
  exit 1
}

ends() {
  marks | while read -r each since expires rest; do
    case " $ids " in *" $each "*) printf 'unlock %s %s\n' "$each" "$expires" ;; esac
  done
}

case $action in
  lock)
    now=$(date +%s)
    ids=$(marks | while read -r each since expires who rest; do [ "$who" != "$owner" ] || printf '%s ' "$each"; done)
    rewrite "$(ends)
lock $id $now $((now + seconds)) $owner $payload
"
    ;;
  unlock)
    rewrite "$(ends)
"
    ;;
esac
[ -z "${JIJI_ENTRY:-}" ] || append "$JIJI_ENTRY"
now=$(date +%s)
marks | while read -r each since expires who what; do printf '%s\n' "mark $now $since $expires $each $what"; done
running=$(holder)
[ -z "$running" ] || printf '%s\n' "run $now $running"
