#!/usr/bin/env bash
# Makes everything that is released, below dist/: archives, packages, a list
# of parts for each and the checksums. "make release" calls it.
#
#   packaging/build.sh                    everything
#   packaging/build.sh package amd64      the packages of one architecture
#
# The version comes from git describe, or $VERSION. The same sources, version
# and Go give the same bytes: every time is $SOURCE_DATE_EPOCH, by default
# that of the commit.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
	printf 'packaging/build.sh: %s\n' "$*" >&2
	exit 1
}

VERSION=${VERSION:-$(git describe --tags --always --dirty)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022
stage=dist/stage

# package_version is VERSION in an order that dpkg and rpm understand:
# v1.2.0-rc1 is 1.2.0~rc1 and older than 1.2.0, and v1.2.0-4-gabc is
# 1.2.0+4.gabc and newer. Before the first tag the commits are counted.
package_version() {
	local version=${VERSION#v} dirty=
	case $version in *-dirty) version=${version%-dirty} dirty=+dirty ;; esac
	if [[ $version =~ ^([0-9]+\.[0-9]+\.[0-9]+)(-([0-9A-Za-z.]+))?(-([0-9]+)-(g[0-9a-f]+))?$ ]]; then
		version=${BASH_REMATCH[1]}${BASH_REMATCH[3]:+~${BASH_REMATCH[3]}}${BASH_REMATCH[5]:+"+${BASH_REMATCH[5]}.${BASH_REMATCH[6]}"}
	elif [[ $version =~ ^[0-9a-f]{7,40}$ ]]; then
		version=0.0.0+$(git rev-list --count HEAD).g$version
	else
		fail "the version \"$VERSION\" is neither vX.Y.Z, with what git describe adds, nor a commit"
	fi
	printf '%s%s\n' "$version" "$dirty"
}

# binary OS ARCH makes dist/stage/[OS-]ARCH/pureclean, and its list of parts.
binary() {
	local to=$stage/$2
	[ "$1" = linux ] || to=$stage/$1-$2
	mkdir -p "$to"
	env GOOS="$1" GOARCH="$2" make -s build VERSION="$VERSION" OUT="$to/pureclean"
	# The list has the tool's own hash; with -trimpath that is the same everywhere.
	GOFLAGS=-trimpath go tool -modfile=tools/go.mod cyclonedx-gomod bin -json -std -noserial -notimestamp \
		-output-version 1.5 -version "$VERSION" -output "$to/pureclean.cdx.json" "$to/pureclean"
}

# compress FILE TO is gzip without a name and a time.
compress() {
	gzip -9n <"$1" >"$2"
}

texts() {
	local page pages=(man/*.[58]) file
	[ -e "${pages[0]}" ] || fail "man/ has no pages: they belong into the packages"
	for file in completion/{pureclean.bash,_pureclean,pureclean.fish}; do
		[ -e "$file" ] || fail "$file is missing: it belongs into the packages"
	done
	mkdir -p $stage/man
	for page in "${pages[@]}"; do
		compress "$page" "$stage/man/${page#man/}.gz"
	done
	compress CHANGELOG.md $stage/changelog.gz
}

# package ARCH makes the .deb and the .rpm, from what is staged.
package() {
	local kind
	for kind in deb rpm; do
		ARCH=$1 go tool -modfile=tools/go.mod nfpm package -f packaging/nfpm.yaml -p "$kind" -t dist/
	done
}

# archive OS ARCH makes a .tar.gz of the program and what one reads with it.
archive() {
	local name from=$stage/$2
	[ "$1" = linux ] || from=$stage/$1-$2
	name=pureclean_${PACKAGE_VERSION}_$1_$2
	rm -rf "${stage:?}/$name"
	mkdir -p "$stage/$name"
	cp -R LICENSE README.md CHANGELOG.md completion packaging/config.yaml "$from/pureclean" "$stage/$name/"
	rm -f "$stage/$name"/completion/*.go
	mkdir -p "$stage/$name/docs/findings"
	cp docs/*.md "$stage/$name/docs/"
	cp docs/findings/*.md "$stage/$name/docs/findings/"
	mkdir "$stage/$name/man"
	cp man/*.[58] "$stage/$name/man/"
	if [ "$1" = linux ]; then
		cp -R packaging/systemd packaging/prometheus packaging/grafana "$stage/$name/"
	fi
	tar -C $stage --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" |
		gzip -9n >"dist/$name.tar.gz"
	cp "$from/pureclean.cdx.json" "dist/$name.cdx.json"
}

everything() {
	local arch
	for arch in amd64 arm64; do
		binary linux $arch
		package $arch
		archive linux $arch
		# For the demo alone: there is no LXD there.
		binary darwin $arch
		archive darwin $arch
	done
	(cd dist && sha256sum -- *.deb *.rpm *.tar.gz *.cdx.json >SHA256SUMS)
	rm -rf $stage
	ls -l dist
}

# Once: a commit in the meantime would change it.
PACKAGE_VERSION=$(package_version)
export PACKAGE_VERSION
rm -rf $stage
mkdir -p $stage
rm -f dist/*.deb dist/*.rpm dist/*.tar.gz dist/*.cdx.json dist/SHA256SUMS
texts
case ${1:-everything} in
everything) everything ;;
package)
	binary linux "${2:?which architecture?}"
	package "$2"
	;;
*) fail "there is \"package ARCH\", or nothing for everything" ;;
esac
