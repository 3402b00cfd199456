#!/bin/sh
# After the files went. A Debian "purge" takes everything away but the journal
# of repairs, /var/lib/pureclean/runs: it is the only record of what was
# changed, and by it a volume that was destroyed can still be recovered. rpm
# has no purge, so it leaves what earlier runs saw, too.
set -e

if [ -d /run/systemd/system ]; then
	systemctl --system daemon-reload || true
fi

if [ "$1" = purge ]; then
	state=/var/lib/pureclean
	rm -f "$state/sightings.json" "$state/.sightings.lock" "$state"/.sightings.json-* "$state/lock" "$state/holder"
	rm -rf /var/cache/pureclean
	# What an operator put beside our file, a token perhaps, is the operator's.
	for directory in "$state/runs" "$state" /etc/pureclean; do
		rmdir "$directory" 2>/dev/null || true
	done
	if [ -d "$state/runs" ]; then
		echo "pureclean: the journal of repairs stays in $state/runs" >&2
	fi
fi
