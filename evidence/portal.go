package evidence

import (
	"net/netip"
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
