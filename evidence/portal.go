package evidence

import (
	"net/netip"
	"slices"
	"strings"
)

// Address is an IP address in the one spelling of its kind: IPv6 short and in
// lower case, and an IPv4 address that is written as IPv6 as itself. Anything
// else, a host name for example, is only made lower case.
func Address(s string) string {
	s = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(s), "["), "]")
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

// IsAddress reports an IP address, as opposed to a host name.
func IsAddress(s string) bool {
	_, err := netip.ParseAddr(Address(s))
	return err == nil
}

// Portal joins an address and a port, the address in its one spelling and, if
// it is IPv6, in brackets.
func Portal(address, port string) string {
	address = Address(address)
	if port == "" {
		return address // Fibre Channel's have none
	}
	if strings.Contains(address, ":") {
		address = "[" + address + "]"
	}
	return address + ":" + port
}

// SplitPortal takes a portal apart, "10.0.0.1:3260" or "[fd00::1]:3260". Of an
// address alone the port is "".
func SplitPortal(portal string) (address, port string) {
	portal = strings.TrimSpace(portal)
	if _, err := netip.ParseAddr(portal); err == nil {
		return Address(portal), ""
	}
	if i := strings.LastIndexByte(portal, ':'); i > 0 {
		return Address(portal[:i]), portal[i+1:]
	}
	return Address(portal), ""
}

// SamePortal compares portals by what they mean.
func SamePortal(a, b string) bool {
	address, port := SplitPortal(a)
	other, otherPort := SplitPortal(b)
	return address == other && port == otherPort
}

// PureTarget reports the name of a FlashArray's iSCSI target or NVMe subsystem.
func PureTarget(name string) bool {
	return strings.Contains(strings.ToLower(name), "com.purestorage:")
}

// Has reports whether an IQN, NQN or WWPN is one of the array's ports. Of the
// name of a FlashArray that is unknown until the array told all of its ports,
// and has any of the kind among them.
func (a *Array) Has(name string) Answer {
	name = Initiator(name)
	named := false
	for _, p := range a.Ports.Items {
		for _, own := range []string{p.IQN, p.NQN, p.WWN} {
			if own = Initiator(own); own != "" {
				if own == name {
					return Yes
				}
				named = named || kindOf(own) == kindOf(name)
			}
		}
	}
	if named && a.Ports.IsComplete() || !PureTarget(name) && !PureWWPN(name) {
		return No
	}
	return Unknown
}

// kindOf is "iqn" or "nqn", and "" of a WWPN.
func kindOf(name string) string {
	if kind, _, ok := strings.Cut(name, "."); ok {
		return kind
	}
	return ""
}

// LeadsTo reports whether what has that IQN, NQN or WWPN is counted to one of
// several arrays: it is a port of it or, where that is not known, of no other.
func LeadsTo(one *Array, name string, all []Array) bool {
	switch one.Has(name) {
	case Yes:
		return true
	case Unknown:
		return !slices.ContainsFunc(all, func(other Array) bool { return other.Has(name).Is() })
	default:
		return false
	}
}
