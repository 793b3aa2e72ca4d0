# The paths of the container's files. Nobody else knows the name of the folder, so no other word begins like this.
home=${HOME:-}/.jiji/files/$name folder=''
if [ -n "$mounts" ]; then
  for word; do
    shift
    case $word in "type=bind,source=$mounts/"*) word="type=bind,source=$home/${word#*source=}" ;; esac
    set -- "$@" "$word"
  done
fi
# Writes the files from stdin, where no other user of this server can reach them. A container that runs keeps its own.
write_files() {
  [ -n "$mounts" ] || return 0
  folder=$home/$mounts
  (
    umask 077
    mkdir -p "$folder" && cat >"$folder/all" || exit
    count=0
    for mode in $modes; do
      count=$((count + 1))
      sed -n "${count}p" "$folder/all" | base64 -d >"$folder/$count" && chmod "$mode" "$folder/$count" || exit
    done
    rm "$folder/all"
  )
}
# Removes the files of containers that are gone.
tidy_files() {
  for each in "$home"/*; do
    [ "$each" = "$folder" ] || rm -rf "$each"
  done
  [ -n "$folder" ] || rmdir "$home"
}

