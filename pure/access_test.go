package pure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/secret"
)

func TestGateways(t *testing.T) {
	for _, c := range []struct {
		url      string
		insecure bool
		want     string // of the URL, or of the error when it begins with "!"
	}{
		{"https://fa01.example.net", false, "https://fa01.example.net"},
		{"https://fa01.example.net/", false, "https://fa01.example.net"},
		{"https://10.0.0.1:8443/behind/proxy/", false, "https://10.0.0.1:8443/behind/proxy"},
		{"https://[fd00::1]", false, "https://[fd00::1]"},
		{"https://fa01/apis", false, "https://fa01/apis"},
		{"http://fa01", true, "http://fa01"},
		{"http://fa01", false, "!unencrypted"},
		{"", false, "!no URL"},
		{"fa01.example.net", false, "!no scheme"},
		{"https://fa01/api", false, "!contains \"/api\""},
		{"https://fa01/api/2.21", false, "!contains \"/api\""},
		{"https://fa01/x/api/", false, "!contains \"/api\""},
		{"https://fa01?x=1", false, "!query"},
		{"https://fa01#x", false, "!fragment"},
		{"https://", false, "!names no host"},
		{"https://:443", false, "!names no host"},
		{"ftp://fa01", false, "!has scheme \"ftp\""},
		{"https://fa01:port", false, "!can't be understood"},
		{"https://pureuser:hunter2@fa01", false, "!user name"},
		{"https://pureuser:hunter2@fa01:port", false, "!can't be understood"},
	} {
		u, err := parseGateway(c.url, c.insecure)
		wrong, wantErr := strings.CutPrefix(c.want, "!")
		switch {
		case !wantErr && (err != nil || u.String() != c.want):
			t.Errorf("%q: %v, %v", c.url, u, err)
		case wantErr && (err == nil || !strings.Contains(err.Error(), wrong) || Hint(err) == ""):
			t.Errorf("%q: %v, want %q; hint %q", c.url, err, wrong, Hint(err))
		case wantErr && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%q: the password is in %q", c.url, err)
		}
	}
}

func TestGatewayWithAPath(t *testing.T) {
	s := newStub(t).fill()
	access := s.access()
	access.URL += "/behind/a/proxy/"
	r, err := Open(t.Context(), access, testOptions(&waits{}))
	if err != nil {
		t.Fatal(err)
	}
	if a := r.Observe(t.Context(), []string{"lxd"}); a.Trouble != "" || a.Gateway != access.URL {
		t.Errorf("trouble %q, gateway %q", a.Trouble, a.Gateway)
	}
	for _, q := range s.requests("") {
		if !strings.HasPrefix(q.Path, "/behind/a/proxy/api/") {
			t.Errorf("asked %s", q.Path)
		}
	}
}

func TestNegotiation(t *testing.T) {
	for _, c := range []struct {
		offered string
		want    string
	}{
		{`["1.19","2.21"]`, "2.21"},
		{`["2.9","2.10","2.21","2.3"]`, "2.21"},
		{`["2.21","2.22"]`, "2.21"},
		{`["2.21","2.23","2.24"]`, "2.23"},
		{`["2.21","2.26","2.27","2.30"]`, "2.27"},
		{`["2.21","2.36","2.56"]`, "2.36"},
		{`["2.21","3.0","2.99","10.36"]`, "2.21"},
		{`["2.21","2.36.1","2.x","","-2.36","2.+36"]`, "2.21"},
		{`["2.2","2.20","2.22"]`, ""},
		{`["2.210"]`, ""},
		{`["2.15"]`, ""},
		{`[]`, ""},
	} {
		s := newStub(t).fill()
		s.versions = `{"version":` + c.offered + `}`
		r, err := Open(t.Context(), s.access(), testOptions(&waits{}))
		if c.want == "" {
			if err == nil || !strings.Contains(err.Error(), "does not offer REST API 2.21") || !strings.Contains(Hint(err), "Purity 6.4.2") {
				t.Errorf("%s: %v", c.offered, err)
			}
			if n := len(s.requests("login")); n != 0 {
				t.Errorf("%s: logged in all the same", c.offered)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.offered, err)
			continue
		}
		a := r.Observe(t.Context(), []string{"lxd"})
		if a.API != c.want || len(s.requests("volumes")) != 1 || !strings.Contains(s.requests("volumes")[0].Path, "/api/"+c.want+"/") {
			t.Errorf("%s: speaks %s", c.offered, a.API)
		}
	}
}

func TestAnotherServerThanAnArray(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"a web page": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html><title>Welcome to nginx!</title></html>")
		},
		"a page that lies":  func(w http.ResponseWriter) { fmt.Fprint(w, "<!DOCTYPE html>") },
		"other JSON":        func(w http.ResponseWriter) { fmt.Fprint(w, `{"version":"2.21"}`) },
		"half JSON":         func(w http.ResponseWriter) { fmt.Fprint(w, `{"version":["2.21"`) },
		"nothing":           func(http.ResponseWriter) {},
		"404":               func(w http.ResponseWriter) { refuse(w, 404, "not here") },
		"a redirect":        func(w http.ResponseWriter) { w.Header().Set("Location", "https://evil.example/x"); w.WriteHeader(301) },
		"other JSON object": func(w http.ResponseWriter) { fmt.Fprint(w, `{"hello":1}`) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			s.before = func(w http.ResponseWriter, _ *http.Request, _ string, _ int) bool {
				answer(w)
				return true
			}
			_, err := Open(t.Context(), s.access(), testOptions(&waits{}))
			if err == nil || Hint(err) == "" {
				t.Fatalf("%v, hint %q", err, Hint(err))
			}
			if n := len(s.requests("")); n != 1 {
				t.Errorf("%d requests", n)
			}
			if name == "a web page" && !strings.Contains(err.Error(), `a web page ("Welcome to nginx!")`) {
				t.Error(err)
			}
		})
	}
}

// A redirect must not take the token along, not even to the same host.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("somebody else was sent %s %s", r.Method, r.URL)
	}))
	defer elsewhere.Close()
	for _, target := range []string{elsewhere.URL + "/api/2.26/hosts", "/api/2.26/other"} {
		s := newStub(t).fill()
		r := s.open()
		s.before = func(w http.ResponseWriter, q *http.Request, path string, _ int) bool {
			if path != "hosts" {
				return false
			}
			http.Redirect(w, q, target, http.StatusTemporaryRedirect)
			return true
		}
		a := r.Observe(t.Context(), []string{"lxd"})
		if !strings.Contains(a.Hosts.Why(), "307") || !strings.Contains(a.Hosts.Why(), "not followed") || len(s.requests("other")) != 0 {
			t.Errorf("to %s: %s", target, a.Hosts.Why())
		}
	}
}

func TestCertificates(t *testing.T) {
	s := newStub(t).fill()
	own := fingerprint(s.Certificate())
	ca := s.access().CA
	byName := strings.Replace(s.URL, "127.0.0.1", "localhost", 1) // not in the certificate
	shouting := "SHA256:" + strings.ToUpper(strings.TrimPrefix(own, "sha256:"))
	var pairs []string
	for i := len("sha256:"); i < len(own); i += 2 {
		pairs = append(pairs, own[i:i+2])
	}
	for _, c := range []struct {
		name   string
		access Access
		want   string // in the error
		hint   []string
	}{
		{"nothing", Access{}, "unknown authority", []string{own, "ca_file"}},
		{"its CA", Access{CA: ca}, "", nil},
		{"another CA", Access{CA: otherCA(t)}, "unknown authority", []string{own, "ca_file"}},
		{"no CA at all", Access{CA: []byte("hello")}, "holds no certificate", []string{"PEM"}},
		{"its CA, another name", Access{CA: ca, URL: byName}, "localhost", []string{own, "127.0.0.1"}},
		{"its fingerprint", Access{Fingerprint: own}, "", nil},
		{"its fingerprint, another name", Access{Fingerprint: own, URL: byName}, "", nil},
		{"its fingerprint in capitals", Access{Fingerprint: shouting}, "", nil},
		{"its fingerprint as openssl prints it", Access{Fingerprint: "sha256:" + strings.Join(pairs, ":")}, "", nil},
		{"another fingerprint", Access{Fingerprint: "sha256:" + strings.Repeat("ab", 32)}, "another certificate than the pinned one: " + own, []string{own, "renewed"}},
		{"another fingerprint and insecure", Access{Fingerprint: "sha256:" + strings.Repeat("ab", 32), Insecure: true}, "another certificate", []string{own}},
		{"another fingerprint, its CA", Access{CA: ca, Fingerprint: "sha256:" + strings.Repeat("ab", 32)}, "another certificate", []string{own}},
		{"its fingerprint, another CA", Access{CA: otherCA(t), Fingerprint: own}, "unknown authority", []string{own}},
		{"a short fingerprint", Access{Fingerprint: "sha256:abcd"}, "can't be understood", []string{"64 hexadecimal"}},
		{"another digest", Access{Fingerprint: "sha1:" + strings.Repeat("ab", 20)}, "can't be understood", []string{"sha256:"}},
		{"no digest", Access{Fingerprint: strings.Repeat("ab", 32)}, "can't be understood", []string{"sha256:"}},
		{"insecure", Access{Insecure: true}, "", nil},
		{"insecure, another name", Access{Insecure: true, URL: byName}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.access.Token = secret.New(goodToken)
			if c.access.URL == "" {
				c.access.URL = s.URL
			}
			before := len(s.requests(""))
			r, err := Open(t.Context(), c.access, testOptions(&waits{}))
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if err := r.Close(t.Context()); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			for _, part := range c.hint {
				if !strings.Contains(Hint(err), part) {
					t.Errorf("hint %q lacks %q", Hint(err), part)
				}
			}
			if n := len(s.requests("")); n != before {
				t.Errorf("%d requests reached the wrong server", n-before)
			}
		})
	}
}

// A wrong certificate does not become right by asking again.
func TestCertificatesAreNotRetried(t *testing.T) {
	s := newStub(t).fill()
	pauses := &waits{}
	access := s.access()
	access.CA = nil
	if _, err := Open(t.Context(), access, testOptions(pauses)); err == nil || len(pauses.all()) != 0 {
		t.Errorf("%v after waiting %v", err, pauses.all())
	}
}

func otherCA(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "another"}, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestExpiredCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "old"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := newStub(t)
	s.TLS.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	access := Access{
		URL: s.URL, Token: secret.New(goodToken),
		CA: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}
	_, err = Open(t.Context(), access, testOptions(&waits{}))
	if err == nil || !strings.Contains(Hint(err), "expired") || !strings.Contains(Hint(err), "sha256:") {
		t.Errorf("%v, hint %q", err, Hint(err))
	}
}

func TestHintsForTheNetwork(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for _, c := range []struct{ name, url, hint string }{
		{"nothing listens", "https://" + address, "nothing listens there"},
		{"no such name", "https://fa01.invalid", "fa01.invalid can't be resolved"},
		{"no TLS", strings.Replace(plain.URL, "http:", "https:", 1), "does not speak TLS"},
	} {
		_, err := Open(t.Context(), Access{URL: c.url, Token: secret.New(goodToken)}, testOptions(&waits{}))
		if err == nil || !strings.Contains(Hint(err), c.hint) {
			t.Errorf("%s: %v, hint %q", c.name, err, Hint(err))
		}
		var e *Error
		if !errors.As(err, &e) || e.Op != "read the API versions" || e.RequestID == "" {
			t.Errorf("%s: %#v", c.name, err)
		}
	}
}

func TestHintsForRefusals(t *testing.T) {
	for _, c := range []struct {
		status   int
		message  string
		fragment string
	}{
		{400, "Unable to list user for API token.", "pureadmin create --api-token"},
		{401, "Invalid session.", "login"},
		{403, "Forbidden", "role"},
		{404, "", "management address"},
		{429, "", "too many"},
		{301, "", "points to"},
		{500, "", "try again"},
		{503, "", "try again"},
	} {
		err := fmt.Errorf("wrapped: %w", &Error{Status: c.status, kind: failedStatus, Messages: []Message{{Text: c.message}}})
		if !strings.Contains(Hint(err), c.fragment) {
			t.Errorf("%d %s: %q", c.status, c.message, Hint(err))
		}
	}
	if Hint(nil) != "" || Hint(errors.New("x")) != "" {
		t.Error("a hint for nothing")
	}
}

// No proxy variable of some shell takes the token elsewhere.
func TestNoProxy(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	guard, ok := r.session.wire.client.Transport.(readOnly)
	if !ok {
		t.Fatalf("the innermost layer is %T", r.session.wire.client.Transport)
	}
	if network, ok := guard.next.(*http.Transport); !ok || network.Proxy != nil {
		t.Error("a proxy could be used")
	}
}
