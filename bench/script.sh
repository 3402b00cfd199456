#!/usr/bin/env bash
# What people use today: names on the array that LXD has no uuid for. It asks
# far less than a scan: no connections, no devices, no age, nothing in use.
#   bench/script.sh ARRAY-URL TOKEN LXD-SOCKET WORK-DIR
set -euo pipefail
array=$1 token=$2 socket=$3 work=$(mktemp -d -p "$4")
trap 'rm -rf "$work"' EXIT

session=$(curl -skD - -o /dev/null -X POST -H "api-token: $token" "$array/api/2.21/login" |
	tr -d '\r' | awk 'tolower($1) == "x-auth-token:" { print $2 }')

walk() { # LIST FILE
	local next="" page="$work/page.json"
	: >"$2"
	while :; do
		curl -sk -H "x-auth-token: $session" "$array/api/2.21/$1&limit=1000$next" >"$page"
		jq -c '.items[]' "$page" >>"$2"
		[ "$(jq -r .more_items_remaining "$page")" = true ] || break
		next="&continuation_token=$(jq -r '.continuation_token | @uri' "$page")"
	done
}

walk "volumes?filter=pod.name='purepool'" "$work/volumes"
walk "volume-snapshots?filter=pod.name='purepool'" "$work/snapshots"
walk "connections?" "$work/connections"

jq -r 'select(.destroyed | not) | .name' "$work/volumes" | sed 's/.*::[a-z]*-//; s/-[bi]$//' | sort -u >"$work/on-array"
curl -s --unix-socket "$socket" "http://lxd/1.0/storage-pools/purepool/volumes?recursion=1&all-projects=true" |
	jq -r '.metadata[].config["volatile.uuid"]' | tr -d - | sort -u >"$work/in-lxd"
comm -23 "$work/on-array" "$work/in-lxd"
