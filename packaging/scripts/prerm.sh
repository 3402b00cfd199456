#!/bin/sh
# Before the files go. Debian calls it with "remove" or "upgrade", rpm with
# the number of versions that stay.
set -e

case $1 in
remove | 0) ;;
*) exit 0 ;;
esac

# Works on the files alone where no systemd runs.
if command -v systemctl >/dev/null; then
	systemctl --quiet disable pureclean-check.timer || true
	if [ -d /run/systemd/system ]; then
		systemctl --quiet stop pureclean-check.timer pureclean-check.service || true
	fi
fi
