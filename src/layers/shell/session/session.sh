# Watches over a session of `jiji server exec`: if it is cut off, its processes are ended.
set -u
trap '' PIPE
trap 'hang_up; exit 143' TERM INT HUP
echo ready
wait_for_end || hang_up
exit 0
