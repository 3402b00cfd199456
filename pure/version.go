package pure

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// version is a REST API version. "2.9" is older than "2.10".
type version struct{ major, minor int }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor))
}

func parseVersion(s string) (version, bool) {
	major, minor, ok := strings.Cut(s, ".")
	a, errA := strconv.ParseUint(major, 10, 16)
	b, errB := strconv.ParseUint(minor, 10, 16)
	return version{int(a), int(b)}, ok && errA == nil && errB == nil
}

// The versions spoken, and what each brings that is used here. All that the
// older ones have is still there, unchanged, in the newer.
var (
	// base is the first with NVMe/TCP. LXD refuses an array without exactly
	// this one, so every array that LXD uses has it.
	base = version{2, 21}
	// withQuota documents pods.quota_limit, which LXD sets.
	withQuota = version{2, 23}
	// withUsed brings space.total_used and eradication_config.enabled_delay
	// in place of total_physical and eradication_delay.
	withUsed = version{2, 26}
	// withNSID brings connections.nsid.
	withNSID = version{2, 27}
	// withDestroyedHosts brings hosts.destroyed: a host goes that way with
	// its realm.
	withDestroyedHosts = version{2, 36}

	spoken = []version{base, withQuota, withUsed, withNSID, withDestroyedHosts}
)

// versionError is an array too old for us, and for LXD.
type versionError struct{ newest string }

func (e *versionError) Error() string {
	return fmt.Sprintf("the array does not offer REST API %s, its newest is %s", base, e.newest)
}

func (e *versionError) advice() string {
	return fmt.Sprintf("LXD and pureclean need Purity 6.4.2 or later, which has REST API %s: upgrade Purity, or check that this is the right array", base)
}

// negotiate picks the newest of the versions spoken, in ascending order, that
// the array offers, and tells the newest that it offers. Versions that can't
// be read are not ours.
func negotiate(offered []string, spoken []version) (chosen, newest version, err error) {
	known := map[version]bool{}
	for _, s := range offered {
		if v, ok := parseVersion(s); ok {
			known[v] = true
			if v.compare(newest) > 0 {
				newest = v
			}
		}
	}
	if !known[base] {
		name := newest.String()
		if newest == (version{}) {
			name = "none at all"
		}
		return version{}, newest, &versionError{newest: name}
	}
	for _, v := range slices.Backward(spoken) {
		if known[v] {
			return v, newest, nil
		}
	}
	return base, newest, nil
}
