# Prints a secret: runs the command that stands for it, in the project's folder. Arguments: the folder, and what the
# secret is called, for whoever reads. JIJI_COMMAND holds the command, which so stands in no list of processes.
cd "$1" || exit 1
command=$JIJI_COMMAND
unset JIJI_COMMAND
set --
eval "$command"
