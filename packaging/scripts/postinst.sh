#!/bin/sh
# After the files are there. Enables nothing and starts nothing.
# Debian calls it with "configure", rpm with the number of versions installed.
set -e

case $1 in
configure | [0-9]*) ;;
*) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
	systemctl --system daemon-reload || true
fi
