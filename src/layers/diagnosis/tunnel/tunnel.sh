# Checks a forwarded port. Prints `listens ADDRESS` for each address on which it is open, in the kernel's notation. Then
# prints `answered PROGRAM` or `refused PROGRAM`: whether PROGRAM reached the registry behind the port.
set -u
hex=$(printf %04X "$port")
for table in /proc/net/tcp /proc/net/tcp6; do
  while read -r _ address _ state _; do
    case $address-$state in *:"$hex-0A") echo "listens ${address%:*}" ;; esac
  done 2>/dev/null <"$table"
done

# Test with the engine, because it will use the port and may have its own proxies and network. Request an image that does
# not exist: if the error says so, it comes from the registry.
name=localhost:$port/jiji/doctor
case $engine in
  podman) output=$(podman pull --quiet --tls-verify=false "$name" 2>&1) ;;
  ?*) output=$("$engine" pull --quiet "$name" 2>&1) ;;
esac
if [ -n "$engine" ]; then
  case $output in
    *'manifest unknown'* | *'name unknown'* | *'not found'*) echo "answered $engine" ;;
    *) echo "refused $engine" && echo "$output" >&2 ;;
  esac
  exit 0
fi

export no_proxy=127.0.0.1
url=http://127.0.0.1:$port/v2/
if command -v curl >/dev/null 2>&1; then
  program=curl
  curl --silent --show-error --fail --max-time 5 --output /dev/null "$url"
elif command -v wget >/dev/null 2>&1; then
  program=wget
  wget -q -T 5 -O /dev/null "$url"
elif command -v bash >/dev/null 2>&1; then
  program=bash
  bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "GET /v2/ HTTP/1.0\r\n\r\n" >&3 && IFS= read -r -t 5 line <&3 && [[ $line == *" 200 "* ]]' bash "$port"
else
  exit 0
fi && echo "answered $program" || echo "refused $program"
