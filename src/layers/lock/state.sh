# All users of the server share these files. Each user writes only files that end with the user's number, and reads a file only
# if its owner has that number. They are in /var/tmp, which all users can write to and which outlives a reboot.
base=${folder:-/var/tmp}/jiji.$project
me=$uid

# files KIND: lists the files of one kind.
files() {
  for file in "$base.$1".*; do
    [ -f "$file" ] && [ ! -L "$file" ] || continue
    [ "$(stat -c %u "$file" 2>/dev/null)" = "${file##*.}" ] || continue
    echo "$file"
  done
}

# own KIND: sets `file` to this user's file of one kind, and creates it if necessary. Fails if it is not this user's.
own() {
  file=$base.$1.$me
  own_file "$file"
}

# is_time WORD: succeeds for a number of seconds. The shell would take one that begins with 0 for octal.
is_time() {
  case $1 in '' | 0* | *[!0-9]* | ????????????*) return 1 ;; esac
}

# marks: prints the locks of `jiji lock` that hold now: `ID SINCE EXPIRES OWNER PAYLOAD`. A file has lines `lock` with these
# words, and lines `unlock ID EXPIRES`, by which any user ends any lock.
marks() {
  all=$(for file in $(files marks); do head -c 100000 "$file"; echo; done)
  [ -n "$all" ] || return 0
  now=$(date +%s)
  ended=" $(printf '%s\n' "$all" | while read -r word id rest; do [ "$word" != unlock ] || printf '%s ' "$id"; done)"
  printf '%s\n' "$all" | while read -r word id since expires owner payload rest; do
    [ "$word" = lock ] && [ -z "$rest" ] && is_time "$since" && is_time "$expires" || continue
    # jiji would cut a longer id, and could not end the lock.
    case $id in '' | *[!A-Za-z0-9-]* | ???????????????????????????????????????????????????*) continue ;; esac
    case $owner in '' | *[!A-Za-z0-9_-]*) continue ;; esac
    case $payload in '' | *[!A-Za-z0-9_-]*) continue ;; esac
    # No lock lasts longer than 30 days, whatever a file says.
    [ "$expires" -gt "$now" ] && [ "$expires" -le $((now + 2592000)) ] && [ "$expires" -le $((since + 2592000)) ] || continue
    case $ended in *" $id "*) continue ;; esac
    printf '%s\n' "$id $since $expires $owner $payload"
  done
}

# holder: prints what the run that holds the lock says about itself: `SINCE PAYLOAD`. It locks its own file.
holder() {
  command -v flock >/dev/null 2>&1 || return 0
  for file in $(files by); do
    ! (flock -n -s 7) 7<"$file" 2>/dev/null || continue
    head -c 8000 "$file" 2>/dev/null | head -n 1
    return
  done
}

# append: adds an entry to the audit. Says so if it cannot be written. Keeps the last 1,000 entries of two lines each.
append() {
  if own audit && printf '%s\n' "$1" >>"$file"; then
    [ "$(wc -l <"$file")" -gt 2400 ] || return 0
    new=$base.new.$me
    replacement "$new" "$(tail -n 2000 "$file")" && mv -f "$new" "$file"
  else
    echo unaudited
  fi 2>/dev/null
  return 0
}

