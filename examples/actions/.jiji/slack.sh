#!/bin/sh
# The address is a secret. curl reads it from a file, so that it is not in the list of processes.
jq -n --arg text "$JIJI_MESSAGE" '{text: $text}' |
  curl --fail --silent --show-error --max-time 10 --json @- --config /dev/fd/3 3<<END
url = "$SLACK_WEBHOOK"
END
