# Sets the variables of a container's secrets: JIJI_NAMES has their names, JIJI_SECRET_0 and so on their values. Call it in the
# subshell that becomes `create`: only that gets them, so that their names cannot affect the rest of a script.
export_secrets() {
  JIJI_I=0
  for JIJI_NAME in $JIJI_NAMES; do
    eval "export $JIJI_NAME=\"\$JIJI_SECRET_$JIJI_I\""
    JIJI_I=$((JIJI_I + 1))
  done
}

