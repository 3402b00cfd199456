#!/usr/bin/env bash
# What test.sh does in the clean Debian: install, use, upgrade, remove, purge.
#
#   inside.sh VERSION NEWER    with /packages/first.deb and /packages/newer.deb
set -euo pipefail

fail() {
	printf 'packaging/inside.sh: %s\n' "$*" >&2
	exit 1
}

say() {
	printf -- '-- %s\n' "$*"
}

# says PATTERN COMMAND... runs a command that must print something.
says() {
	local pattern=$1 out
	shift
	out=$("$@" 2>&1 </dev/null) || fail "\"$*\" ended with $?: $out"
	grep -qe "$pattern" <<<"$out" || fail "\"$*\" does not say \"$pattern\": $out"
}

# everything lists what is there, but for /run and for what dpkg, man-db and
# the shells keep themselves.
everything() {
	find / -xdev \( -path /proc -o -path /dev -o -path /run -o -path /packages -o -path /tmp \
		-o -path /var/lib/dpkg -o -path /var/cache/man -o -path /var/log -o -path /root \) -prune -o -print | sort
}

say "install"
everything >/tmp/before
dpkg -i /packages/first.deb >/dev/null
says "$1" pureclean version

say "use"
says 'SAFE TO REPAIR' pureclean demo
says 'What it is' pureclean explain --object leaked-volume
for page in runbook findings/leaked-volume; do
	[ -r "/usr/share/doc/pureclean/$page.md" ] || fail "/usr/share/doc/pureclean/$page.md is missing"
done
page=$(man pureclean 2>/dev/null </dev/null) || fail "man pureclean: $?"
grep -q '^NAME' <<<"$page" || fail "man pureclean has no NAME"
for page in /usr/share/man/man8/pureclean*.8.gz /usr/share/man/man5/pureclean*.5.gz; do
	says NAME man "$(basename "${page%.*.gz}")"
done
mkdir -p /tmp/host/sys
# shellcheck disable=SC2016
says '^PURECLEAN UNKNOWN - .*no LXD here' sh -c 'pureclean check --sysroot /tmp/host; [ $? = 3 ]'
[ -z "$(dpkg --verify pureclean)" ] || fail "dpkg --verify: $(dpkg --verify pureclean)"

say "TAB in bash, fish and zsh"
# shellcheck disable=SC2016
says '^scan *$' bash -c '
	. /usr/share/bash-completion/bash_completion
	_completion_loader pureclean || [ $? = 124 ]
	COMP_WORDS=(pureclean sc) COMP_CWORD=1 COMP_LINE="pureclean sc" COMP_POINT=12 COMP_TYPE=9
	"$(complete -p pureclean | sed "s/.*-F \([^ ]*\).*/\1/")" pureclean sc pureclean
	printf "%s\n" "${COMPREPLY[@]}"'
says '^scan' fish -c 'complete -C "pureclean sc"'
# shellcheck disable=SC2016
says 'pureclean scan' timeout 60 zsh -fc '
	zmodload zsh/zpty
	zpty shell "zsh -fi"
	zpty -w shell "PS1=; autoload -U compinit; compinit -D; print R\EADY"
	zpty -r shell line "*READY*"
	zpty -w -n shell "pureclean sca	"
	zpty -r shell line "*pureclean scan*" && print -r -- "$line"'

say "the units are there, sound and disabled"
# What systemctl cat prints, which asks a systemd that runs.
for unit in pureclean-check.service pureclean-check.timer; do
	says "^# /usr/lib/systemd/system/$unit" systemd-analyze cat-config "systemd/system/$unit"
	says "^$unit" systemctl --root=/ list-unit-files "$unit"
done
says disabled sh -c 'systemctl --root=/ is-enabled pureclean-check.timer || true'
says static sh -c 'systemctl --root=/ is-enabled pureclean-check.service || true'
out=$(systemd-analyze verify --man=yes /usr/lib/systemd/system/pureclean-check.service /usr/lib/systemd/system/pureclean-check.timer 2>&1) || fail "systemd-analyze verify: $out"
! grep -q pureclean <<<"$out" || fail "systemd-analyze verify: $out"
# 3.4 of 10 is what sight of all processes and of the disks costs.
out=$(systemd-analyze security --offline=true --threshold=35 /usr/lib/systemd/system/pureclean-check.service 2>&1) || fail "systemd-analyze security: $out"
grep 'Overall exposure' <<<"$out"
systemd-tmpfiles --create pureclean.conf
[ "$(stat -c '%a %U' /var/lib/pureclean)" = '700 root' ] || fail "the state directory is $(stat -c '%a %U' /var/lib/pureclean)"

say "upgrade"
systemctl --root=/ --quiet enable pureclean-check.timer
sed -i 's/^#state_dir:.*/state_dir: \/var\/lib\/pureclean/' /etc/pureclean/config.yaml
mkdir -m 0700 /var/lib/pureclean/runs
echo '{}' >/var/lib/pureclean/runs/7f3a.jsonl
touch /var/lib/pureclean/{sightings.json,.sightings.lock,.sightings.json-123,lock,holder}
dpkg -i /packages/newer.deb >/dev/null
says "$2" pureclean version
says enabled systemctl --root=/ is-enabled pureclean-check.timer
grep -q ^state_dir /etc/pureclean/config.yaml || fail "the upgrade replaced the configuration"
[ -f /var/lib/pureclean/runs/7f3a.jsonl ] || fail "the upgrade lost the journal"

say "remove"
dpkg -r pureclean >/dev/null
[ ! -e /usr/bin/pureclean ] || fail "the program is still there"
[ ! -L /etc/systemd/system/timers.target.wants/pureclean-check.timer ] || fail "the timer is still enabled"
grep -q ^state_dir /etc/pureclean/config.yaml || fail "remove took the configuration, which only purge does"

say "purge leaves nothing but the journal"
says 'the journal of repairs stays' dpkg -P pureclean
everything >/tmp/after
diff /tmp/before /tmp/after >/tmp/left || true
printf '> %s\n' /var/lib/pureclean /var/lib/pureclean/runs /var/lib/pureclean/runs/7f3a.jsonl >/tmp/journal
grep '^[<>]' /tmp/left | diff /tmp/journal - || fail "purge left something else, or took something"

say "and without a journal nothing at all"
rm -r /var/lib/pureclean
dpkg -i /packages/newer.deb >/dev/null
dpkg -P pureclean >/dev/null 2>&1
everything | diff /tmp/before - || fail "purge left something"
