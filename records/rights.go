package records

import (
	"fmt"

	"github.com/pureclean/pureclean/evidence"
)

// rights says whether it is proven that LXD shows us everything. LXD filters
// its lists by what the caller may view and says nothing about it, so an empty
// answer proves nothing. Two things together do: LXD knows us by its unix
// socket, whose users it trusts with everything, and it shows us what it shows
// to administrators only, the configuration of the pools.
func (a *answers) rights() (evidence.Answer, string) {
	server := a.server.value
	switch {
	case a.server.err != nil:
		return evidence.Unknown, a.server.err.Error()
	case server.Auth != "trusted":
		return evidence.No, fmt.Sprintf("LXD calls us %q", server.Auth)
	case server.Method != "unix":
		// The snap's socket for ordinary users, for one, hands requests on
		// under a restricted certificate.
		return evidence.Unknown, fmt.Sprintf("LXD knows us by %q and not by its unix socket", server.Method)
	case a.pools.err != nil:
		return evidence.Unknown, "the pools could not be read"
	}
	for _, pool := range a.pure() {
		if pool.Config == nil {
			return evidence.No, fmt.Sprintf("LXD does not show us the configuration of pool %q", pool.Name)
		}
	}
	return evidence.Yes, "LXD trusts us on its unix socket and shows us the configuration of every pure pool"
}
