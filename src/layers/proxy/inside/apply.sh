# Runs in the proxy, with what to write on stdin. Changes nothing if the sites are not those that jiji has read ($1 is their
# hash), or if Caddy rejects the new configuration. With $2 `check`, only writes certificates and checks.
umask 077
cd /jiji || exit 1
mkdir -p sites certs up || exit
now=$(cat sites/*.json 2>/dev/null | sha256sum)
[ "${now%% *}" = "$1" ] || { echo changed; exit 0; }
rm -rf next
file='' project='' certificates='' served='' gone=''
while IFS= read -r line; do
  case $line in
    'project '*) project=${line#* } && mkdir -p "next/sites" "next/up" "next/certs" "certs/$project" "up/$project" || exit ;;
    'file '*) file=next/${line#* } && : >"$file" || exit ;;
    ' '*) printf '%s\n' "${line# }" >>"$file" || exit ;;
    'gone '*) gone="$gone ${line#* }" ;;
    'certificate '*) certificates="$certificates ${line#* } " ;;
    'served '*) served="$served ${line#* } " ;;
  esac
done
for file in next/certs/*; do
  [ ! -f "$file" ] || mv "$file" "certs/$project/" || exit
done
if ! output=$(caddy validate --config next/caddy.json 2>&1); then
  rm -rf next
  printf 'invalid\n%s\n' "$output"
  exit 0
fi
[ "$2" != check ] || { rm -rf next; echo checked; exit 0; }
for file in next/up/*; do
  [ ! -f "$file" ] || mv "$file" "up/$project/" || exit
done
# A reload resets some new connections, so only do it where something has changed.
did=same
if [ "$(cat next/caddy.json)" != "$(cat caddy.json 2>/dev/null)" ]; then
  if ! output=$(caddy reload --config next/caddy.json --address unix//run/jiji/admin.sock 2>&1); then
    rm -rf next
    printf 'invalid\n%s\n' "$output"
    exit 0
  fi
  did=reloaded
fi
mv next/caddy.json caddy.json || exit
if [ -f "next/sites/$project.json" ]; then mv "next/sites/$project.json" sites/ || exit; else rm -f "sites/$project.json"; fi
for file in "up/$project"/*; do
  case "$served " in *" ${file##*/} "*) ;; *) rm -f "$file" ;; esac
done
for file in "certs/$project"/*; do
  name=${file##*/}
  case "$certificates " in *" ${name%.*} "*) ;; *) rm -f "$file" ;; esac
done
rmdir "up/$project" "certs/$project" 2>/dev/null
for each in $gone; do rm -rf "sites/$each.json" "up/$each" "certs/$each"; done
rm -rf next
echo "$did"
