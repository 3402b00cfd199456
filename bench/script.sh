#!/usr/bin/env bash
# What people use today: volumes and snapshots on the array that LXD has no uuid
# for, and the hosts they are connected to. It asks less than a scan: not
# whether every list is whole, no devices, no age, nothing of what is in use.
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

# What follows the last dot of a snapshot's name, or the pod of a volume's, is
# a letter or two, a hyphen and the uuid.
uuids() { sed 's/[^\t]*[:.][a-z]*-//; s/-[bi]\(\t\|$\)/\1/'; }

curl -s --unix-socket "$socket" "http://lxd/1.0/storage-pools/purepool/volumes?recursion=1&all-projects=true" |
	jq -r '.metadata[].config["volatile.uuid"]' | tr -d - | sort -u >"$work/in-lxd"
for list in volumes snapshots; do
	jq -r 'select(.destroyed | not) | .name' "$work/$list" | uuids | sort -u >"$work/on-array"
	comm -23 "$work/on-array" "$work/in-lxd" >"$work/leaked-$list"
done
jq -r '[.volume.name, .host.name] | @tsv' "$work/connections" | uuids | sort >"$work/connected"
echo "volumes, and what they are connected to:"
join -t $'\t' -a 1 "$work/leaked-volumes" "$work/connected"
echo "snapshots:"
cat "$work/leaked-snapshots"
