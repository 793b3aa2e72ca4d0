# Prints each of the ports on which something listens, and what.
for port in $ports; do
  by=$(holder "$port")
  [ -z "$by" ] || echo "$port $by"
done
