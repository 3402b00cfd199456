package diagnose

import "testing"

// TestAnotherNameIsNoSlip: what differs in the whole of its last part is
// another object, however much of the path before it is the same.
func TestAnotherNameIsNoSlip(t *testing.T) {
	for _, c := range []struct {
		typed, name string
		near        bool
	}{
		{"nvpool/container/report1", "nvpool/container/cache1", false},
		{"purepool/virtual-machine/win-test", "purepool/virtual-machine/db1", false},
		{"purepool/custom/staging", "purepool/custom/mail", false},
		{"nvpool/custom/mail", "nvpool/custom/cache", false},
		{"nvpool/custom/mail", "purepool/custom/mail", true},
		{"purepool/custom/mial", "purepool/custom/mail", true},
		{"purepol/custom/mail", "purepool/custom/mail", true},
		{"purepool/container/web", "purepool/container/web1", true},
	} {
		if got := farFrom(c.typed, c.name) >= 0; got != c.near {
			t.Errorf("%s for %s: %v", c.name, c.typed, got)
		}
	}
}
