# Checks the credentials for a registry.
set -u
own_login "$engine" "$registry" "$user"
