package commands

import (
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// A path alone says another place in another mount namespace: "/" there is a
// container's, and not the machine's own.
func TestDevicesSayTheNamespace(t *testing.T) {
	host := evidence.Host{}
	host.Uses.Items = []evidence.Use{
		{Kind: evidence.UseMount, Device: "dm-2", Where: "/", Namespace: "mnt:[4026532281]"},
		{Kind: evidence.UseMount, Device: "dm-2", Where: "/srv"},
	}
	if got, want := uses(host, "dm-2", ""), "mount / (mount namespace mnt:[4026532281]), mount /srv"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
