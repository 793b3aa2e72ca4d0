# Prints a secret by running its command in the project's folder.
# Arguments: the folder; the secret's name, only to show it in process lists.
# JIJI_COMMAND holds the command, so that it appears in no process list.
cd "$1" || exit 1
command=$JIJI_COMMAND
unset JIJI_COMMAND
set --
eval "$command"
