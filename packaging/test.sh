#!/usr/bin/env bash
# Tries the packages: the same bytes twice, the same files in .deb and .rpm,
# and in a clean Debian: install, use, upgrade, remove, purge.
#
# Needs debootstrap, dpkg-deb, rpm, rpm2cpio, cpio and unshare, and root, or
# sudo, for the clean root alone. That is made once, with debootstrap, and
# kept as an archive in the user's cache directory.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
	printf 'packaging/test.sh: %s\n' "$*" >&2
	exit 1
}

say() {
	printf -- '-- %s\n' "$*"
}

root=()
[ "$(id -u)" = 0 ] || root=(sudo)
arch=$(dpkg --print-architecture)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pureclean
work=$(mktemp -d)
trap '"${root[@]}" rm -rf "$work"' EXIT
# A newer version than any that git describe says here.
newer=v999.0.0

# build VERSION TO makes the packages of this machine's architecture.
build() {
	VERSION=$1 packaging/build.sh package "$arch" >"$work/log" 2>&1 || {
		cat "$work/log"
		fail "the packages can't be made"
	}
	mkdir "$work/$2"
	mv dist/*.deb "$work/$2/pureclean.deb"
	mv dist/*.rpm "$work/$2/pureclean.rpm"
}

say "two builds of the same are the same bytes"
version=$(git describe --tags --always --dirty)
build "$version" first
build "$version" again
build "$newer" newer
for kind in deb rpm; do
	cmp "$work/first/pureclean.$kind" "$work/again/pureclean.$kind"
	! cmp -s "$work/first/pureclean.$kind" "$work/newer/pureclean.$kind" || fail "the newer .$kind is the same"
done

say "the .rpm has the files of the .deb"
mkdir "$work/deb" "$work/rpm"
dpkg-deb -x "$work/first/pureclean.deb" "$work/deb"
# The names in an .rpm are absolute. Its writer counts the payload in another
# way than rpm2cpio, which then fails at the end; diff sees what is missing.
rpm2cpio "$work/first/pureclean.rpm" >"$work/rpm.cpio" || true
(cd "$work/rpm" && cpio -idm --quiet --no-absolute-filenames <"$work/rpm.cpio" 2>/dev/null)
mkdir -p "$work/deb/usr/share/zsh/site-functions"
mv "$work/deb/usr/share/zsh/vendor-completions/_pureclean" "$work/deb/usr/share/zsh/site-functions/"
rmdir "$work/deb/usr/share/zsh/vendor-completions"
diff -r "$work/deb" "$work/rpm"
diff <(cd "$work/deb" && find . -type f | sed 's/^\.//' | sort) <(rpm -qpl "$work/first/pureclean.rpm" | grep -vx /var/lib/pureclean | sort)
[ "$(rpm -qpc "$work/first/pureclean.rpm")" = /etc/pureclean/config.yaml ] || fail "the .rpm would overwrite the configuration"
[ -z "$(rpm -qp --requires "$work/first/pureclean.rpm")" ] || fail "the .rpm needs something"

say "the program is static and stripped"
sections=$(readelf -lSW "$work/deb/usr/bin/pureclean")
! grep -qe INTERP -e '\.dynamic' <<<"$sections" || fail "it is not static"
! grep -qe '\.symtab' -e '\.debug' <<<"$sections" || fail "it is not stripped"

# clean SUITE unpacks a clean Debian into $work/SUITE.
clean() {
	local base=$cache/$1-$arch-1.tar
	if [ ! -s "$base" ]; then
		mkdir -p "$cache"
		"${root[@]}" debootstrap --variant=minbase --include=systemd,man-db,bash-completion,zsh,fish \
			"$1" "$work/base" "${PURECLEAN_MIRROR:-http://deb.debian.org/debian}" >"$work/log" 2>&1 || {
			tail -20 "$work/log"
			fail "debootstrap failed"
		}
		"${root[@]}" rm -rf "$work/base/var/cache/apt/archives" "$work/base/var/lib/apt/lists"
		"${root[@]}" tar -C "$work/base" -cf - . >"$base.$$"
		mv "$base.$$" "$base"
		"${root[@]}" rm -rf "$work/base"
	fi
	mkdir "$work/$1"
	"${root[@]}" tar -C "$work/$1" -xf "$base"
}

for suite in bookworm trixie; do
	say "a clean Debian: $suite"
	clean "$suite"
	"${root[@]}" mkdir "$work/$suite/packages"
	"${root[@]}" cp "$work/first/pureclean.deb" "$work/$suite/packages/first.deb"
	"${root[@]}" cp "$work/newer/pureclean.deb" "$work/$suite/packages/newer.deb"
	"${root[@]}" cp packaging/inside.sh "$work/$suite/packages/inside.sh"
	# Mounts of a namespace of its own go with it, whatever happens.
	# shellcheck disable=SC2016
	"${root[@]}" unshare --mount --fork --kill-child timeout 300 bash -ec '
		mount -t devpts -o newinstance,ptmxmode=0666 devpts "$1/dev/pts"
		mount --bind "$1/dev/pts/ptmx" "$1/dev/ptmx"
		mount -t proc proc "$1/proc"
		exec chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
			bash /packages/inside.sh "$2" "$3"
	' bash "$work/$suite" "$version" "$newer"
done
