# Prints which of some files git ignores. Arguments: the folder, the files.
# See version.sh.
for name in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$name"; done
folder=$1
shift
exec git -C "$folder" check-ignore -- "$@"
