# What a port looks like from this machine: `listens ADDRESS` for each address that it is open on, as the kernel writes
# it, and `answered` or `refused` for the registry behind it, by the program that asked.
# Arguments: the engine, or nothing where none is of use; the port.
set -u
engine=$1 port=$2
hex=$(printf %04X "$port")
for table in /proc/net/tcp /proc/net/tcp6; do
  while read -r _ address _ state _; do
    case $address-$state in *:"$hex-0A") echo "listens ${address%:*}" ;; esac
  done 2>/dev/null <"$table"
done

# The engine is what it is for, and has proxies and a network of its own. What it asks for is not there, and who says so
# is the registry.
name=localhost:$port/jiji/doctor
case $engine in
  podman) said=$(podman pull --quiet --tls-verify=false "$name" 2>&1) ;;
  ?*) said=$("$engine" pull --quiet "$name" 2>&1) ;;
esac
if [ -n "$engine" ]; then
  case $said in
    *'manifest unknown'* | *'name unknown'* | *'not found'*) echo "answered $engine" ;;
    *) echo "refused $engine" && echo "$said" >&2 ;;
  esac
  exit 0
fi

export no_proxy=127.0.0.1
url=http://127.0.0.1:$port/v2/
if command -v curl >/dev/null 2>&1; then
  asked=curl
  curl --silent --show-error --fail --max-time 5 --output /dev/null "$url"
elif command -v wget >/dev/null 2>&1; then
  asked=wget
  wget -q -T 5 -O /dev/null "$url"
elif command -v bash >/dev/null 2>&1; then
  asked=bash
  bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET /v2/ HTTP/1.0\r\n\r\n" >&3 && IFS= read -r -t 5 line <&3 && [[ $line == *" 200 "* ]]' bash "$port"
else
  exit 0
fi && echo "answered $asked" || echo "refused $asked"
