#!/usr/bin/env bash
# What people do about leftovers that they have found: one after the other, cut
# its connections and destroy it. Nothing is proved. The devices on the hosts are
# left out: multipath -f and echo 1 > delete, for each volume.
#   bench/byhand.sh ARRAY-URL TOKEN VOLUME...
set -euo pipefail
array=$1 token=$2
shift 2
session=$(curl -skD - -o /dev/null -X POST -H "api-token: $token" "$array/api/2.21/login" |
	tr -d '\r' | awk 'tolower($1) == "x-auth-token:" { print $2 }')
ask() { curl -skf -H "x-auth-token: $session" "$@"; }
for volume; do
	for host in $(ask "$array/api/2.21/connections?volume_names=$volume" | jq -r '.items[].host.name'); do
		ask -X DELETE "$array/api/2.21/connections?volume_names=$volume&host_names=$host" >/dev/null
	done
	ask -X PATCH -H 'content-type: application/json' -d '{"destroyed":true}' "$array/api/2.21/volumes?names=$volume" >/dev/null
done
