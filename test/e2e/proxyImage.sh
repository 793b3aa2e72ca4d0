#!/bin/sh
# Builds an image of the proxy: Caddy from .tools/caddy, its C library, and a static busybox. Downloads nothing.
#
#   ENGINE=docker NAME=localhost/proxy:1 sh proxyImage.sh
#
# For tests: TRUST (the certificate of an authority to trust, as PEM), MARK (a text in a layer of its own), WITHOUT
# (programs that the image lacks), VERSION (instead of Caddy, it has a program that only prints this).
set -eu
caddy=$(cd "$(dirname "$0")/../.." && pwd)/.tools/caddy/usr/bin/caddy
# The programs of its busybox. Docker Hub's `caddy` has all of them too.
applets='sh cat chmod date grep head ls mkdir mkfifo mv nc printf rm rmdir sed sha256sum sleep sync test timeout tr'
libraries=$(ldd "$caddy" | grep -o '/[^ ]*')
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

mkdir bin lib certs
cp "$caddy" caddy
cp /bin/busybox bin/
for library in $libraries; do cp -L "$library" lib/; done
for applet in $applets; do ln -s busybox "bin/$applet"; done
for program in ${WITHOUT:-}; do rm -f "bin/$program"; done
if [ -n "${VERSION:-}" ]; then printf '#!/bin/sh\necho "v%s h1:x"\n' "$VERSION" >caddy; fi
# For docker's cache, two folders with the same files are the same, whatever links are in them.
echo "${WITHOUT:-}" >bin/lacks
printf %s "${TRUST:-}" >certs/ca-certificates.crt
printf %s "${MARK:-}" >mark

{
  echo 'FROM scratch'
  for library in $libraries; do echo "COPY lib/${library##*/} $library"; done
  case " ${WITHOUT:-} " in
    *' caddy '*) ;;
    *) echo 'COPY caddy /usr/bin/caddy' ;;
  esac
  echo 'COPY bin /bin'
  echo 'COPY certs /etc/ssl/certs'
  echo 'COPY mark /mark'
  echo 'ENV PATH=/usr/bin:/bin XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data'
  echo 'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile"]'
} >Dockerfile
"$ENGINE" build --tag "$NAME" .
