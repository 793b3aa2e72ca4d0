# Whether a registry lets a user in.
# Arguments: engine, registry, user. JIJI_PASSWORD holds the password.
set -u
own_login "$1" "$2" "$3"
