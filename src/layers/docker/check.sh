# Checks the credentials for a registry.
# Arguments: engine, registry, user. JIJI_PASSWORD holds the password.
set -u
own_login "$1" "$2" "$3"
