package witness_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
	"github.com/pureclean/pureclean/witness"
)

// stretched is a world with a leak in a pod that lies on two arrays.
func stretched(t *testing.T) *simulator.World {
	t.Helper()
	w := worlds.New(t, simulator.Options{})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(w.Stretch(w.Pool()))
	ok(w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "data", Bytes: simulator.Small}))
	ok(w.LXD.Launch(lxd.InstanceSpec{Name: "c1", Pool: w.Pool()}))
	ok(w.LXD.AttachVolume("", "c1", "d0", w.Pool(), "data", "/data"))
	w.Array.Inject(array.Fault{Method: "POST", Path: "/volumes", Kind: array.LoseReply, Times: 1})
	if w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "leak", Bytes: simulator.Small}) == nil {
		t.Fatal("it was created")
	}
	w.Age(3 * time.Hour)
	return w
}

// peersOf changes what the configuration says of the pool's peers.
func peersOf(w *simulator.World, o *witness.Options, change func(map[string]config.Array)) {
	change(o.Config.Pools[w.Pool()].Peers)
}

// isPeer reports a request that goes to the peer.
func isPeer(w *simulator.World, r *http.Request) bool {
	return strings.HasSuffix(w.PeerServer.URL, r.URL.Host)
}

func leakOf(t *testing.T, report diagnose.Report) diagnose.Finding {
	t.Helper()
	i := slices.IndexFunc(report.Findings, func(f diagnose.Finding) bool { return f.Code == "leaked-volume" })
	if i < 0 {
		t.Fatalf("no leak among %+v", report.Findings)
	}
	return report.Findings[i]
}

// TestPeerIsAsked: a leak of a stretched pod is judged by both arrays' words.
func TestPeerIsAsked(t *testing.T) {
	w := stretched(t)
	world, report := ask(t, options(w))
	if len(world.Arrays) != 2 || world.Arrays[1].ID != w.Peer.ID() || !slices.Equal(world.Arrays[1].Asked, []string{w.Pool()}) {
		t.Fatalf("%d arrays", len(world.Arrays))
	}
	for _, v := range world.Arrays[1].Volumes.Items {
		if !v.LXD.IsLXD() {
			t.Errorf("%s of the peer is not decoded", v.Name)
		}
	}
	if f := leakOf(t, report); f.Verdict != diagnose.Safe || !report.Complete {
		t.Errorf("%s: %v, complete %v: %v", f.Verdict, f.Reasons(), report.Complete, report.Doubts)
	}
}

// TestPeerThatIsNotRead: without everything that the right peer has to say,
// nothing of the pod is safe, and it is said why not.
func TestPeerThatIsNotRead(t *testing.T) {
	w := stretched(t)
	for name, c := range map[string]struct {
		change func(*testing.T, *witness.Options)
		says   []string
		// told is set where nothing of what answered was kept.
		told bool
	}{
		"no peer is configured": {
			change: func(_ *testing.T, o *witness.Options) { peersOf(w, o, func(p map[string]config.Array) { clear(p) }) },
			says:   []string{"is stretched to fa-peer", "pools." + w.Pool() + ".peers.fa-peer"},
		},
		"another array at its address": {
			change: func(_ *testing.T, o *witness.Options) { o.Array.Wrap = claims(w, elsewhere) },
			says:   []string{w.Peer.ID(), elsewhere, "peer dr"}, told: true,
		},
		"the first array at its address": {
			change: func(t *testing.T, o *witness.Options) {
				peersOf(w, o, func(p map[string]config.Array) {
					p["dr"] = config.Array{URL: w.Server.URL, TokenFile: tokenFile(t, w.Array.Token()), Fingerprint: w.Server.Fingerprint}
				})
			},
			says: []string{w.Peer.ID(), w.Array.ID()}, told: true,
		},
		"pinned to another array": {
			change: func(_ *testing.T, o *witness.Options) {
				peersOf(w, o, func(p map[string]config.Array) {
					own := p["dr"]
					own.ID = elsewhere
					p["dr"] = own
				})
			},
			says: []string{elsewhere, w.Peer.ID(), "not read"}, told: true,
		},
		"its token is refused": {
			change: func(t *testing.T, o *witness.Options) {
				peersOf(w, o, func(p map[string]config.Array) {
					own := p["dr"]
					own.TokenFile = tokenFile(t, "0000-wrong")
					p["dr"] = own
				})
			},
			says: []string{"token"}, told: true,
		},
		"others can read its token": {
			change: func(t *testing.T, o *witness.Options) {
				peersOf(w, o, func(p map[string]config.Array) {
					own := p["dr"]
					own.TokenFile = tokenFile(t, w.Peer.Token())
					if err := os.Chmod(own.TokenFile, 0o644); err != nil {
						t.Fatal(err)
					}
					p["dr"] = own
				})
			},
			says: []string{"peer dr", "chmod 600"}, told: true,
		},
		"another certificate": {
			change: func(_ *testing.T, o *witness.Options) {
				peersOf(w, o, func(p map[string]config.Array) {
					own := p["dr"]
					own.Fingerprint = w.Server.Fingerprint
					p["dr"] = own
				})
			},
			says: []string{"certificate"}, told: true,
		},
		"it has no such pod": {
			change: func(_ *testing.T, o *witness.Options) {
				o.Array.Wrap = rewriting(func(r *http.Request, body []byte) []byte {
					if isPeer(w, r) && listOf(r) == "/pods" {
						return bytes.ReplaceAll(body, []byte(`"`+w.Pool()+`"`), []byte(`"other"`))
					}
					return body
				})
			},
			says: []string{"fa-peer", "no such pod"},
		},
		"it holds the pod as destroyed": {
			change: func(_ *testing.T, o *witness.Options) {
				o.Array.Wrap = rewriting(func(r *http.Request, body []byte) []byte {
					if isPeer(w, r) && listOf(r) == "/pods" {
						body = bytes.ReplaceAll(body, []byte(`"time_remaining":null`), []byte(`"time_remaining":3600000`))
						return bytes.ReplaceAll(body, []byte(`"destroyed":false`), []byte(`"destroyed":true`))
					}
					return body
				})
			},
			says: []string{"fa-peer", "not known to be live"},
		},
	} {
		o := options(w)
		c.change(t, &o)
		world, report := ask(t, o)
		f := leakOf(t, report)
		if f.Verdict != diagnose.Blocked || len(safe(report)) > 0 || report.Complete {
			t.Errorf("%s: %s, safe %q, complete %v: %q", name, f.Verdict, safe(report), report.Complete, report.Doubts)
		}
		said := fmt.Sprint(f.Reasons())
		for _, part := range c.says {
			if !strings.Contains(said, part) {
				t.Errorf("%s: %q lacks %q", name, said, part)
			}
		}
		if c.told && (len(world.Arrays) != 2 || world.Arrays[1].ID != "" || len(world.Arrays[1].Volumes.Items) > 0) {
			t.Errorf("%s: something of it was kept: %+v", name, world.Arrays[1].Source)
		}
	}
}

// claims lets the peer say that it is another array.
func claims(w *simulator.World, id string) func(http.RoundTripper) http.RoundTripper {
	return rewriting(func(r *http.Request, body []byte) []byte {
		if isPeer(w, r) && strings.HasSuffix(r.URL.Path, "/arrays") {
			return bytes.ReplaceAll(body, []byte(w.Peer.ID()), []byte(id))
		}
		return body
	})
}

func tokenFile(t *testing.T, token string) string {
	t.Helper()
	path := t.TempDir() + "/token"
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPeersOfEachOther: two arrays that are read for pools of their own are
// asked for each other's pods through the doors that they have, once.
func TestPeersOfEachOther(t *testing.T) {
	w := stretched(t)
	if err := w.LXD.CreatePool(lxd.PoolSpec{Name: "other", Gateway: w.PeerServer.URL, Token: w.Peer.Token(), Mode: evidence.ModeISCSI}); err != nil {
		t.Fatal(err)
	}
	for _, both := range []bool{false, true} {
		if both { // the pool of the second array lies on the first as well
			where := func(a *array.Array) array.PodArray {
				return array.PodArray{ID: a.ID(), Name: a.Name(), Status: "online"}
			}
			for _, err := range []error{w.Array.CreatePod("other"), w.Array.StretchPod("other", where(w.Peer)), w.Peer.StretchPod("other", where(w.Array))} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, configured := range []bool{false, true} {
			o := options(w)
			peers := map[string]config.Array{}
			if configured {
				peers = o.Config.Pools[w.Pool()].Peers
			}
			o.Config.Pools[w.Pool()] = config.Pool{Array: o.Config.Pools[w.Pool()].Array, Peers: peers}
			o.Config.Pools["other"] = config.Pool{Array: config.Array{Fingerprint: w.PeerServer.Fingerprint}}
			world, report := ask(t, o)
			if len(world.Arrays) != 2 || !report.Complete {
				t.Fatalf("%d arrays, doubts %q", len(world.Arrays), report.Doubts)
			}
			for _, a := range world.Arrays {
				if want := a.ID == w.Peer.ID() || both; (len(a.Asked) == 2) != want {
					t.Errorf("%s was asked for %q", a.Name, a.Asked)
				}
			}
			if f := leakOf(t, report); f.Verdict != diagnose.Safe {
				t.Errorf("%v", f.Reasons())
			}
		}
	}
}

// TestDoorOfAPeer: who changes something on a peer goes through its own door.
func TestDoorOfAPeer(t *testing.T) {
	w := stretched(t)
	_, doors, err := witness.AskAndRemember(t.Context(), options(w))
	if err != nil || len(doors) != 2 {
		t.Fatalf("%v, %d doors", err, len(doors))
	}
	door := doors[w.Peer.ID()]
	if door.ID != w.Peer.ID() || door.URL != w.PeerServer.URL || door.Token.Reveal() != w.Peer.Token() || door.Insecure {
		t.Errorf("the door to %s, pinned to %q", door.URL, door.ID)
	}
}

// TestTakingThePeersAnswersAway: nothing becomes safe, and nothing stays so,
// when a list of the peer lacks something.
func TestTakingThePeersAnswersAway(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the sweeps over all that can be missing")
	}
	w := stretched(t)
	b := everythingSeen(t, w, diagnose.ClassDestroy)
	look := func(list string, path []string) {
		for _, what := range []change{remove, twist} {
			o := near(w, func(r *http.Request, body []byte) []byte {
				if !isPeer(w, r) || listOf(r) != list {
					return body
				}
				return altered(body, path, -1, what)
			})
			b.look(t, "the peer's "+list+" "+name(path), o, least{})
		}
	}
	for _, row := range arrayFields {
		for field := range strings.FieldsSeq(row.fields) {
			look(row.list, append([]string{"items", "*"}, strings.Split(field, "/")...))
		}
	}
	for _, row := range envelopes {
		for field := range strings.FieldsSeq(row.fields) {
			look(row.list, []string{field})
		}
	}
	// A list without which nothing is known of the peer.
	for _, list := range []string{"/arrays", "/pods", "/volumes", "/volume-snapshots", "/hosts", "/host-groups", "/connections"} {
		o := near(w, func(r *http.Request, body []byte) []byte {
			if isPeer(w, r) && listOf(r) == list {
				return []byte("{}")
			}
			return body
		})
		b.look(t, "the peer's "+list, o, least{told: true, stopped: destroy})
	}
}

// TestSettingsOfPeers: how a peer is reached is shown, and its token is not.
func TestSettingsOfPeers(t *testing.T) {
	w := stretched(t)
	o := options(w)
	all, doubts, _ := witness.Settings(t.Context(), o)
	said := fmt.Sprint(all)
	for _, part := range []string{"pools.purepool.peers.dr.token", "pools.purepool.peers.dr.verify", "by fingerprint"} {
		if !strings.Contains(said, part) || len(doubts) > 0 {
			t.Errorf("%q is not in %s, doubts %q", part, said, doubts)
		}
	}
	if strings.Contains(said, w.Peer.Token()) {
		t.Errorf("the token is in %s", said)
	}
	peersOf(w, &o, func(p map[string]config.Array) {
		p["dr"] = config.Array{URL: w.PeerServer.URL, TokenFile: "/nonexistent"}
	})
	if _, doubts, _ := witness.Settings(t.Context(), o); len(doubts) != 1 || !strings.Contains(doubts[0], "peer dr") {
		t.Errorf("doubts %q", doubts)
	}
}
