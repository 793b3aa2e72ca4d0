# Prints which of some files git ignores.
# See version.sh.
for name in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$name"; done
exec git -C "$folder" check-ignore -- "$@"
