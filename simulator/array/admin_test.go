package array

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/simulator/fabric"
)

// The administrator's edits follow the same rules as the API, and say what
// was refused.
func TestAdministrator(t *testing.T) {
	a := New(Options{Name: "fa1", Clock: fabric.NewClock(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))})
	must(t, a.CreatePod("lab"))
	created := time.Date(2025, 12, 24, 0, 0, 0, 0, time.UTC)
	v, err := a.CreateVolume("lab::v", gib, VolumeOptions{Created: created, Used: 4096, Serial: "704FA624CF6E419600000001"})
	must(t, err)
	want := Volume{
		ID: v.ID, Name: "lab::v", Serial: "704FA624CF6E419600000001", Pod: "lab", Provisioned: gib, Used: 4096, Created: created,
		NSID: v.NSID,
	}
	same(t, "volume", want, v)
	snapshot, err := a.CreateSnapshot("lab::v", "1")
	must(t, err)
	same(t, "snapshot", "lab::v.1", snapshot)
	copied, err := a.CopyVolume("lab::v.1", "lab::copy")
	must(t, err)
	must(t, a.CreateHost("h", []string{iqn1}, nil, nil))
	must(t, a.CreateHostGroup("g", "h"))
	must(t, a.Connect("g", "lab::copy", 9))
	same(t, "hosts", []Host{{Name: "h", Group: "g", IQNs: []string{iqn1}, Connections: 1}}, a.Hosts())
	same(t, "connections", []Connection{{Volume: "lab::copy", Serial: copied.Serial, Host: "h", Group: "g", LUN: 9, NSID: copied.NSID}}, a.Connections())

	must(t, a.DestroyVolume("lab::v"))
	v, _ = a.Volume("LAB::V")
	same(t, "destroyed", true, v.Destroyed)
	must(t, a.Recover("lab::v"))
	for what, err := range map[string]error{
		"create pod lab: lab: Pod already exists.":                             a.CreatePod("lab"),
		"destroy volume x: x: Volume does not exist.":                          a.DestroyVolume("x"),
		"recover volume lab::v: lab::v: Volume is not destroyed.":              a.Recover("lab::v"),
		"eradicate volume lab::v: lab::v: Volume has not been destroyed.":      a.Eradicate("lab::v"),
		"connect nope to lab::v: nope: Host group does not exist.":             a.Connect("nope", "lab::v", 0),
		"disconnect nope from lab::v: nope: Host does not exist.":              a.Disconnect("nope", "lab::v"),
		"set use of x: x: Volume does not exist.":                              a.SetUsed("x", 1),
		"destroy snapshot x: x: No such volume or snapshot.":                   a.DestroySnapshot("x"),
		"create host group g2: nope: Host does not exist.":                     a.CreateHostGroup("g2", "nope"),
		"add to protection group p volume x: x: Volume does not exist.":        a.AddToProtectionGroup("p", "x"),
		"add to protection group no::p volume lab::v: no: Pod does not exist.": a.AddToProtectionGroup("no::p", "lab::v"),
		"set initiators of host x: x: Host does not exist.":                    a.SetInitiators("x", nil, nil, nil),
		"connect g to lab::v: lab::v: The specified LUN is already in use.":    a.Connect("g", "lab::v", maxLUN+1),
		"copy to volume y: x: No such volume or snapshot.":                     func() error { _, err := a.CopyVolume("x", "y"); return err }(),
		"create volume lab::v: lab::v: Volume already exists.":                 func() error { _, err := a.CreateVolume("lab::v", gib, VolumeOptions{}); return err }(),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "array fa1: "+what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
	if a.Name() != "fa1" || slices.ContainsFunc(a.Hosts(), func(h Host) bool { return h.Name == "g2" }) {
		t.Error("something odd was made")
	}
}

func TestCertificate(t *testing.T) {
	s, err := New(Options{}).Serve()
	must(t, err)
	defer func() { must(t, s.Close()) }()
	block, rest := pem.Decode(s.CertPEM)
	if block == nil || len(rest) != 0 {
		t.Fatalf("certificate is not one PEM block")
	}
	digest := sha256.Sum256(block.Bytes)
	same(t, "fingerprint", "sha256:"+hex.EncodeToString(digest[:]), s.Fingerprint)
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	_, err = (&http.Client{Transport: transport}).Get(s.URL + "/api/api_version")
	var unknown *tls.CertificateVerificationError
	if !errors.As(err, &unknown) {
		t.Errorf("a client that does not know the certificate: %v", err)
	}
}

func TestCloseTwice(t *testing.T) {
	s, err := New(Options{}).Serve()
	must(t, err)
	must(t, s.Close())
	must(t, s.Close())
}

// Where there is no connection to close, a hang-up is net/http's own abort.
func TestHangUpWithoutConnection(t *testing.T) {
	a := New(Options{})
	a.Inject(Fault{Kind: Drop})
	defer func() {
		if r := recover(); r != http.ErrAbortHandler {
			t.Errorf("recovered %v", r)
		}
	}()
	a.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/api_version", nil))
	t.Error("an answer")
}

func TestChangesByID(t *testing.T) {
	c := start(t, Options{})
	c.volume("v")
	_, err := c.array.CreateSnapshot("v", "s")
	must(t, err)
	id := func(path string) string { return query("ids", c.get(path)[0]["id"].(string)) }
	equal(t, c.one("/volume-snapshots"+id("/volume-snapshots")), "suffix", "s")
	for path, message := range map[string]string{
		"/volumes": "Volume does not exist.", "/volume-snapshots": "No such volume or snapshot.",
	} {
		c.refused("GET", path+query("ids", "nope"), "", "nope: "+message)
		c.refused("DELETE", path+query("ids", "nope"), "", "nope: "+message)
	}
	c.do("PATCH", "/volume-snapshots"+id("/volume-snapshots"), `{"destroyed":true}`)
	c.do("DELETE", "/volume-snapshots"+id("/volume-snapshots"), "")
}

func TestMoreRefusals(t *testing.T) {
	c := start(t, Options{})
	for _, pod := range []string{"lab", "other"} {
		must(t, c.array.CreatePod(pod))
		c.volume(pod + "::v")
	}
	none := "null: No attribute specified."
	at := func(path, name string) string { return path + query("names", name) }
	c.refused("PATCH", at("/protection-groups", "pgroup-auto"), `{}`, none)
	must(t, c.array.StretchPod("lab", PodArray{Name: "fa2", Status: "online"}))
	for want, err := range map[string]error{
		"Volume cannot be moved out of a stretched pod.": c.array.RelocateVolume("lab::v", "w"),
		"Volume cannot be moved into a stretched pod.":   c.array.RelocateVolume("other::v", "lab::w"),
		"Volume already exists.":                         c.array.RelocateVolume("other::v", "lab::v"),
		"Pod does not exist.":                            c.array.RelocateVolume("other::v", "nope::v"),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
