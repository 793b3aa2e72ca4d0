# Prints the commit of a folder's repository; with $subject, the first line of the message of that commit instead. Prints
# nothing if git knows no such commit.
set -u
# Git hooks and other tools set GIT_DIR and the like. They would make git read another repository.
for name in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$name"; done
cd "$folder" || exit 0
command -v git >/dev/null || exit 0
if [ -z "$subject" ]; then git rev-parse --verify --quiet HEAD; else git log -1 --format=%s "$subject^{commit}" --; fi 2>/dev/null
exit 0
