# The version of a folder's files: the short commit, with -dirty- and a hash of what differs from it.
# Arguments: the folder. Exit code 3 where there is no commit.
set -u
cd "$1" || exit 1
commit=$(git rev-parse --short HEAD 2>/dev/null) || exit 3
# What .jiji holds says how to deploy, not what: a container's configuration is compared by itself.
set -- . ':(exclude).jiji'
# Not what `git status` says: it also tells of what is staged and was changed back since.
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
