# Runs in the proxy. Prints a hash of the sites of all projects, each project's sites, and where the replicas of one project run.
cd /jiji || exit 1
hash=$(cat sites/*.json 2>/dev/null | sha256sum)
echo "hash ${hash%% *}"
for file in sites/*.json; do
  [ -f "$file" ] || continue
  name=${file#sites/}
  IFS= read -r line <"$file"
  printf 'sites %s %s\n' "${name%.json}" "$line"
done
for file in up/"$1"/*; do
  [ -f "$file" ] || continue
  IFS= read -r line <"$file"
  printf 'up %s %s\n' "${file##*/}" "$line"
done
