# Makes sure that the network of a project exists, and prints its subnet. Prints `foreign` if a network with that name does
# not belong to the project, `small SUBNET` if the engine gives it too few addresses, and `nameless CAUSE` if podman cannot
# resolve the names of containers.
set -u
program=$(command -v "$engine") || { echo "$engine: not found" >&2; exit 127; }
# Child processes must not inherit the lock.
e() { "$program" "$@" 8<&-; }

# Docker accepts fixed addresses only in a network with a subnet that was given explicitly. The engine's own addresses come
# from the upper half, and jiji's fixed ones from the lower half.
case $engine in
  podman) format='{{index .Labels "jiji.project"}}|{{range .Subnets}}{{.Subnet}} {{with .LeaseRange}}{{.StartIP}}{{end}},{{end}}' ;;
  *) format='{{index .Labels "jiji.project"}}|{{range .IPAM.Config}}{{.Subnet}} {{.IPRange}},{{end}}' ;;
esac

# Sets `found` to whether the network exists, `owner` to its project, and `subnet` and `range` to its addresses.
look() {
  found='' owner='' subnet='' range=''
  line=$(e network inspect --format "$format" "$name" 2>/dev/null) || return 0
  found=yes owner=${line%%|*} rest=${line#*|}
  while [ -n "$rest" ]; do
    each=${rest%%,*} rest=${rest#*,}
    case $each in *.*) subnet=${each%% *} range=${each#* }; return ;; esac
  done
}
answer() {
  [ "$owner" = "$project" ] || { echo foreign; exit 11; }
  [ -n "$range" ] || return 0
  echo "network $subnet"
  exit 0
}

make() { e network create --label "jiji.project=$project" "$@" "$name"; }

# Sets `gateway` to the first address of the subnet, and `upper` to its upper half.
halve() {
  bits=${subnet#*/} rest=${subnet%/*}
  [ -n "$subnet" ] && [ "$bits" -le 28 ] || { echo "small $subnet"; e network rm "$name" >/dev/null; exit 11; }
  first=0
  for _ in 1 2 3 4; do first=$(((first << 8) | ${rest%%.*})) rest=${rest#*.}; done
  gateway=$(dotted $((first + 1))) upper=$(dotted $((first + (1 << (31 - bits)))))/$((bits + 1))
}
dotted() { echo "$((($1 >> 24) & 255)).$((($1 >> 16) & 255)).$((($1 >> 8) & 255)).$(($1 & 255))"; }

resolves() { [ "$(e network inspect --format '{{.DNSEnabled}}' "$name" 2>/dev/null)" = true ]; }

look
[ -z "$found" ] || answer

# Docker allows several networks with the same name, and two networks could get the same subnet between the steps below.
# So only one script creates networks at a time. Every user may lock this folder, and the lock ends with this script.
if command -v flock >/dev/null 2>&1; then
  exec 8</
  deadline=$(($(date +%s) + 30))
  until flock -n 8 || [ "$(date +%s)" -ge "$deadline" ]; do sleep 0.2; done
  look
  [ -z "$found" ] || answer
fi
trap '' TERM INT HUP PIPE

if [ "$engine" = podman ] && lacks_dns "$(e info --format '{{.Host.NetworkBackend}}' 2>/dev/null)"; then echo 'nameless aardvark-dns'; exit 11; fi
attempts=0
while :; do
  attempts=$((attempts + 1))
  # What is there now, if anything, is what an interrupted script left: without a range of addresses.
  [ -n "$found" ] || make >/dev/null || exit
  look
  if [ "$engine" = podman ] && ! resolves; then
    e network rm "$name" >/dev/null
    echo 'nameless netavark'
    exit 11
  fi
  halve
  e network rm "$name" >/dev/null || exit
  output=$(make --subnet "$subnet" --gateway "$gateway" --ip-range "$upper" 2>&1) && break
  # Someone else may have got this subnet in between.
  [ "$attempts" -lt 3 ] || { echo "$output" >&2; exit 1; }
  found=''
done
look
answer
echo "the network $name has disappeared" >&2
exit 1
