# Prints the version of a folder's files: the short commit hash; plus -dirty- and a hash of the changes, if there are any.
# Exits with 3 if there is no commit, and with 4 if git fails in a repository; stderr has its message.
set -u
# Git hooks and other tools set GIT_DIR and the like. They would make git read another repository, or read this one differently.
for name in $(env | sed -n 's/^\(GIT_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$name"; done
cd "$folder" || exit 1
parent=$(pwd -P)
while ! [ -e "$parent/.git" ] && ! [ -L "$parent/.git" ]; do
  [ -n "$parent" ] || exit 3
  parent=${parent%/*}
done
if ! command -v git >/dev/null; then
  echo "git is not installed, or not in PATH" >&2
  exit 4
fi
if ! commit=$(git rev-parse --short HEAD); then
  # Before the first commit, git knows the branch, but no object. If it knows neither, the repository is damaged.
  branch=$(git status --porcelain=v2 --branch --untracked-files=no 2>/dev/null) || exit 4
  case $branch in
    *"# branch.head (unknown)"*) exit 4 ;;
    *"# branch.oid (initial)"*) exit 3 ;;
    *) exit 4 ;;
  esac
fi
# Ignore .jiji: it defines how to deploy, not what. jiji compares the containers' configuration separately.
set -- . ':(exclude).jiji'
# Do not use `git status`: it also reports files that were staged and then changed back.
git diff HEAD --quiet -- "$@"
changed=$?
[ "$changed" -le 1 ] || exit 4
others=$(git ls-files --others --exclude-standard -- "$@") || exit 4
if [ "$changed" -eq 0 ] && [ -z "$others" ]; then
  echo "$commit"
  exit 0
fi
# A pipe has only the exit code of its last command. The one of `git diff` comes first, on file descriptor 3.
content=$(
  {
    {
      git diff HEAD --binary -- "$@"
      echo $? >&3
      git ls-files --others --exclude-standard -- "$@"
      # A link to a folder has no hash.
      git ls-files --others --exclude-standard -z -- "$@" | xargs -0 git hash-object -- 2>/dev/null
    } | git hash-object --stdin
  } 3>&1
)
case $content in
  "0
"?*) echo "$commit-dirty-$(echo "$content" | sed -n 2p | cut -c 1-8)" ;;
  *) exit 4 ;;
esac
