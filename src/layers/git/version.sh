# Prints the version of a folder's files: the short commit hash; plus -dirty- and a hash of the changes, if there are any.
# Arguments: the folder. Exits with 3 if there is no commit.
set -u
cd "$1" || exit 1
commit=$(git rev-parse --short HEAD 2>/dev/null) || exit 3
# Ignore .jiji: it defines how to deploy, not what. jiji compares the containers' configuration separately.
set -- . ':(exclude).jiji'
# Do not use `git status`: it also reports files that were staged and then changed back.
if git diff HEAD --quiet -- "$@" && [ -z "$(git ls-files --others --exclude-standard -- "$@")" ]; then
  echo "$commit"
  exit 0
fi
content=$(
  {
    git diff HEAD --binary -- "$@"
    git ls-files --others --exclude-standard -- "$@"
    git ls-files --others --exclude-standard -z -- "$@" | xargs -0 git hash-object --
  } | git hash-object --stdin
)
echo "$commit-dirty-$(echo "$content" | cut -c 1-8)"
