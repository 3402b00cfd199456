package pure

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/secret"
)

func TestAbout(t *testing.T) {
	s := newStub(t).fill()
	s.versions = `{"version":["2.21","2.36","2.40"]}`
	s.rows["ports"] = []string{
		`{"wwn":null,"name":"CT0.ETH4","nqn":null,"iqn":"iqn.2010-06.com.purestorage:flasharray.7b","portal":"192.0.2.1:3260","failover":null}`,
		`{"wwn":null,"name":"CT0.ETH14","nqn":"nqn.2010-06.com.purestorage:flasharray.7b","iqn":null,"portal":"192.0.2.2:4420","failover":null}`,
		`{"wwn":"52:4A:93:71:AF:4E:82:00","name":"CT0.FC0","nqn":null,"iqn":null,"portal":null,"failover":null}`,
	}
	s.rows["admins"] = []string{
		`{"name":"os76","role":{"name":"readonly"}}`,
		`{"name":"pureuser","role":{"name":"array_admin"}}`,
	}
	r := s.open()
	a := r.Observe(t.Context(), []string{"lxd"})
	if n := len(s.requests("ports")) + len(s.requests("admins")); n != 0 || a.Role != "" || a.Ports.IsComplete() {
		t.Errorf("what only advice needs was asked for: %d requests", n)
	}
	r.About(t.Context(), &a)
	want := []evidence.Port{
		{Name: "CT0.ETH4", Portal: "192.0.2.1:3260", IQN: "iqn.2010-06.com.purestorage:flasharray.7b"},
		{Name: "CT0.ETH14", Portal: "192.0.2.2:4420", NQN: "nqn.2010-06.com.purestorage:flasharray.7b"},
		{Name: "CT0.FC0", WWN: "52:4A:93:71:AF:4E:82:00"},
	}
	if diff := cmp.Diff(want, a.Ports.Items); diff != "" || !a.Ports.IsComplete() {
		t.Errorf("%s %s", a.Ports.Why(), diff)
	}
	own := s.Certificate()
	if a.User != "pureuser" || a.Role != "array_admin" || a.Newest != "2.40" || a.API != "2.36" ||
		!a.TLS.Expires.Equal(own.NotAfter) || a.TLS.Fingerprint != fingerprint(own) || a.TLS.Verified != "ca" {
		t.Errorf("%q %q %q %q %+v", a.User, a.Role, a.Newest, a.API, a.TLS)
	}
	if a.Requests != r.Requests() {
		t.Errorf("%d requests are told of %d", a.Requests, r.Requests())
	}
}

// TestAboutRefused: what a user may not see is unknown, and no trouble.
func TestAboutRefused(t *testing.T) {
	s := newStub(t).fill()
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
		if path == "ports" || path == "admins" {
			refuse(w, 403, `{"message":"no"}`)
			return true
		}
		return false
	}
	r := s.open()
	a := r.Observe(t.Context(), []string{"lxd"})
	r.About(t.Context(), &a)
	if a.Role != "" || a.Ports.IsComplete() || a.Ports.Why() == "" || a.Trouble != "" {
		t.Errorf("role %q, ports %q, trouble %q", a.Role, a.Ports.Why(), a.Trouble)
	}
}

func TestVerified(t *testing.T) {
	for want, access := range map[string]Access{
		"system":      {Token: secret.New("x")},
		"ca":          {CA: []byte("x")},
		"fingerprint": {CA: []byte("x"), Fingerprint: "sha256:00"},
		"nothing":     {Insecure: true},
	} {
		if got := verified(access); got != want {
			t.Errorf("%+v is verified by %q, not %q", access, got, want)
		}
	}
}
