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
	v, err := a.CreateVolume("lab::v", gib, VolumeOptions{Created: created, Used: 4096, Serial: "704FA624CF6E419600000001", Protected: true})
	must(t, err)
	want := Volume{
		ID: v.ID, Name: "lab::v", Serial: "704FA624CF6E419600000001", Pod: "lab", Provisioned: gib, Used: 4096, Created: created,
		NSID: v.NSID, Protections: []string{"lab::pgroup-auto"},
	}
	same(t, "volume", want, v)
	snapshot, err := a.CreateSnapshot("lab::v", "")
	must(t, err)
	same(t, "snapshot", "lab::v.1", snapshot)
	copied, err := a.CopyVolume("lab::v.1", "lab::copy")
	must(t, err)
	same(t, "source", "lab::v", copied.Source)
	must(t, a.CreateHost("h", []string{iqn1}, nil, nil))
	must(t, a.CreateHostGroup("g", "h"))
	must(t, a.Connect("g", "lab::copy", 9))
	same(t, "hosts", []Host{{Name: "h", Group: "g", IQNs: []string{iqn1}, Connections: 1}}, a.Hosts())
	same(t, "connections", []Connection{{Volume: "lab::copy", Serial: copied.Serial, Host: "h", Group: "g", LUN: 9, NSID: copied.NSID}}, a.Connections())

	must(t, a.DestroyVolume("lab::v"))
	v, _ = a.Volume("LAB::V")
	same(t, "expires", a.clock.Now().Add(24*time.Hour), v.Expires)
	must(t, a.Recover("lab::v"))
	must(t, a.Disconnect("g", "lab::copy"))
	must(t, a.MoveHost("h", ""))
	must(t, a.DestroyPod("lab"))
	must(t, a.RecoverPod("lab"))
	if v, found := a.Volume("lab::copy"); !found || v.Destroyed {
		t.Errorf("volume of a recovered pod: %+v", v)
	}
	must(t, a.DeleteHost("h"))

	for what, err := range map[string]error{
		"create pod lab: lab: Pod already exists.":                                    a.CreatePod("lab"),
		"destroy pod x: x: Pod does not exist.":                                       a.DestroyPod("x"),
		"destroy volume x: x: Volume does not exist.":                                 a.DestroyVolume("x"),
		"recover volume lab::v: lab::v: Volume is not destroyed.":                     a.Recover("lab::v"),
		"eradicate volume lab::v: lab::v: Volume has not been destroyed.":             a.Eradicate("lab::v"),
		"connect nope to lab::v: nope: Host group does not exist.":                    a.Connect("nope", "lab::v", 0),
		"disconnect g from lab::v: lab::v: Connection does not exist.":                a.Disconnect("g", "lab::v"),
		"disconnect nope from lab::v: nope: Host group does not exist.":               a.Disconnect("nope", "lab::v"),
		"set use of x: x: Volume does not exist.":                                     a.SetUsed("x", 1),
		"delete host h: h: Host does not exist.":                                      a.DeleteHost("h"),
		"destroy snapshot x: x: No such volume or snapshot.":                          a.DestroySnapshot("x"),
		"create host group g2: nope: Host does not exist.":                            a.CreateHostGroup("g2", "nope"),
		"lock protection group x: x: Protection group does not exist.":                a.LockProtectionGroup("x", true),
		"create host a b: a b: Host name must be between 1 and 63 characters":         a.CreateHost("a b", nil, nil, nil),
		"add to protection group p volume x: x: Volume does not exist.":               a.AddToProtectionGroup("p", "x"),
		"add to protection group no::p volume lab::v: no: Pod does not exist.":        a.AddToProtectionGroup("no::p", "lab::v"),
		"set quota of pod lab: lab: Invalid query parameter value.":                   a.SetQuota("lab", 1),
		"set initiators of host x: x: Host does not exist.":                           a.SetInitiators("x", nil, nil, nil),
		"connect g to lab::v: lab::v: Invalid query parameter value.":                 a.Connect("g", "lab::v", maxLUN+1),
		"snapshot volume lab::v: lab::v.a b: Volume snapshot name must be between 1 ": func() error { _, err := a.CreateSnapshot("lab::v", "a b"); return err }(),
		"copy to volume y: x: No such volume or snapshot.":                            func() error { _, err := a.CopyVolume("x", "y"); return err }(),
		"create volume lab::v: lab::v: Volume already exists.":                        func() error { _, err := a.CreateVolume("lab::v", gib, VolumeOptions{}); return err }(),
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
	if _, err := New(Options{}).listen("256.0.0.1:0"); err == nil {
		t.Error("listened on an address that can't be")
	}
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

func TestSerialPrefix(t *testing.T) {
	for id, want := range map[string]string{
		"d5bc29f1-0a63-4f27-9c1e-7a60b3f1c2e8": "D5BC29F10A634F27",
		"not an id":                            serialPrefix("not an id"),
		"zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz": serialPrefix("zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz"),
	} {
		got := serialPrefix(id)
		if got != want || len(got) != 16 || strings.Trim(got, "0123456789ABCDEF") != "" {
			t.Errorf("%s: %s", id, got)
		}
	}
	if serialPrefix("a") == serialPrefix("b") {
		t.Error("two ids give one prefix")
	}
}

func TestChangesByID(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	v := c.volume("lab::v")
	_, err := c.array.CreateSnapshot("lab::v", "s")
	must(t, err)
	id := func(path string) string { return query("ids", c.get(path)[0]["id"].(string)) }
	equal(t, c.one("/pods"+id("/pods")), "name", "lab")
	equal(t, c.one("/volume-snapshots"+id("/volume-snapshots")), "suffix", "s")
	equal(t, c.one("/container-default-protections"+id("/pods")), "name", "lab")
	equal(t, c.one("/sessions"+id("/sessions")), "user", "pureuser")
	for path, message := range map[string]string{
		"/pods": "Pod does not exist.", "/volumes": "Volume does not exist.", "/volume-snapshots": "No such volume or snapshot.",
	} {
		c.refused("GET", path+query("ids", "nope"), "", "nope: "+message)
		c.refused("DELETE", path+query("ids", "nope"), "", "nope: "+message)
	}
	c.do("POST", "/volumes"+query("names", "copy"), `{"source":{"id":"`+v.ID+`"}}`)
	equal(t, c.one("/volumes"+query("names", "copy")), "source.name", "lab::v")
	c.do("PATCH", "/volume-snapshots"+id("/volume-snapshots"), `{"destroyed":true}`)
	c.do("DELETE", "/volume-snapshots"+id("/volume-snapshots"), "")
	c.version = "2.26"
	equal(t, c.one("/protection-groups"+id("/protection-groups")), "name", "pgroup-auto")
	c.refused("GET", "/protection-groups"+query("ids", "nope"), "", "nope: Protection group does not exist.")
}

func TestMoreRefusals(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	must(t, c.array.CreatePod("other"))
	c.volume("lab::v")
	c.volume("other::v")
	_, err := c.array.CreateSnapshot("lab::v", "s")
	must(t, err)
	must(t, c.array.CreateHost("h", nil, nil, nil))
	must(t, c.array.CreateHostGroup("g"))
	must(t, c.array.CreateHostGroup("g2"))
	invalid, none := "null: Invalid combination of parameters specified.", "null: No attribute specified."
	at := func(path, name string) string { return path + query("names", name) }
	c.refused("PATCH", at("/pods", "lab"), `{}`, none)
	c.refused("PATCH", at("/pods", "lab"), `{"destroyed":true,"quota_limit":0}`, invalid)
	c.refused("PATCH", at("/pods", "lab"), `{"destroyed":false}`, "lab: Pod is not destroyed.")
	c.refused("PATCH", at("/pods", "lab"), `{"quota_limit":1}`, "lab: Invalid query parameter value.")
	c.refused("PATCH", at("/pods", "lab"), `{"name":"Other"}`, "Other: Pod already exists.")
	c.refused("PATCH", at("/pods", "lab"), `{"requested_promotion_state":"odd"}`, "lab: Invalid query parameter value.")
	equal(t, c.do("PATCH", at("/pods", "lab"), `{"requested_promotion_state":"demoted","mediator":"https://m.example"}`)[0], "promotion_status", "demoted")
	c.refused("PATCH", at("/volumes", "lab::v"), `{"pod":{"name":"other"}}`, "other::v: Volume already exists.")
	c.refused("PATCH", at("/volumes", "lab::v"), `{"pod":{"name":"nope"}}`, "nope: Pod does not exist.")
	must(t, c.array.StretchPod("lab", PodArray{Name: "fa2", Status: "online"}))
	c.refused("PATCH", at("/volumes", "lab::v"), `{"pod":{"name":""}}`, "lab::v: Volume cannot be moved out of a stretched pod.")
	c.volume("other::w")
	c.refused("PATCH", at("/volumes", "other::w"), `{"pod":{"name":"lab"}}`, "other::w: Volume cannot be moved into a stretched pod.")
	must(t, c.array.StretchPod("lab"))
	equal(t, c.do("PATCH", at("/volumes", "lab::v"), `{"pod":{"name":""}}`)[0], "name", "v")
	equal(t, c.do("PATCH", at("/volumes", "v"), `{"requested_promotion_state":"demoted"}`)[0], "promotion_status", "demoted")
	c.refused("PATCH", at("/volumes", "v"), `{"requested_promotion_state":"odd"}`, "v: Invalid query parameter value.")
	c.refused("PATCH", at("/volume-snapshots", "v.s"), `{}`, none)
	c.refused("PATCH", at("/volume-snapshots", "v.s"), `{"destroyed":true,"name":"x"}`, invalid)
	c.refused("PATCH", at("/volume-snapshots", "v.s"), `{"destroyed":false}`, "v.s: Volume snapshot is not destroyed.")
	c.refused("PATCH", at("/host-groups", "g"), `{}`, none)
	c.refused("PATCH", at("/host-groups", "g"), `{"name":"G2"}`, "G2: Host group already exists.")
	c.refused("PATCH", at("/hosts", "h"), `{"host_group":{"name":"nope"}}`, "nope: Host group does not exist.")
	c.refused("PATCH", at("/hosts", "h"), `{"iqns":"x"}`, "iqns: Invalid request body.")
	c.refused("PATCH", at("/protection-groups", "pgroup-auto"), `{}`, none)
	c.refused("PATCH", at("/protection-groups", "pgroup-auto"), `{"destroyed":true,"name":"x"}`, invalid)
	c.refused("PATCH", at("/protection-groups", "pgroup-auto"), `{"destroyed":false}`, "pgroup-auto: Protection group is not destroyed.")
	c.refused("PATCH", at("/protection-groups", "pgroup-auto"), `{"name":"lab::x"}`, "pgroup-auto: Invalid combination of parameters specified.")
	c.refused("POST", at("/protection-groups", "nope::x"), "", "nope: Pod does not exist.")
	must(t, c.array.LockProtectionGroup("pgroup-auto", true))
	c.refused("PATCH", at("/protection-groups", "pgroup-auto"), `{"destroyed":true}`, "pgroup-auto: Protection group retention is locked.")
	c.refused("PATCH", "/container-default-protections"+query("names", "lab"), `{}`, none)
	c.refused("GET", "/volumes/space?start_time=1", "", "start_time: Not supported by this simulator.")
	c.refused("GET", "/connections?protocol_endpoint_names=x", "", "protocol_endpoint: Not supported by this simulator.")
	c.refused("GET", "/volume-snapshots"+query("names", "v.s", "source_names", "v"), "", invalid)

	// A LUN or a connection that a host already has keeps it out of a group.
	c.volume("w")
	must(t, c.array.Connect("h", "w", 254))
	must(t, c.array.Connect("g", "v", 0))
	c.refused("POST", "/host-groups/hosts"+query("group_names", "g", "member_names", "h"), "", "h: The specified LUN is already in use.")
	must(t, c.array.Connect("h", "v", 0))
	must(t, c.array.Disconnect("h", "w"))
	c.refused("POST", "/host-groups/hosts"+query("group_names", "g", "member_names", "h"), "", "v: Connection already exists.")
}
