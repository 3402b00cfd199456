package pure

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
)

// trailOfLab is what the array's trail tells of the lab's volume.
func trailOfLab(t *testing.T, l *lab) []evidence.Trail {
	t.Helper()
	r, err := Open(t.Context(), l.access(l.Token()), testOptions(&waits{}))
	l.must(err)
	return r.Trails(t.Context(), []evidence.Volume{{ID: l.volumeID, Name: labVolume}})
}

// The trail is read by name and by id, in the array's words, and no other
// volume's commands are in it.
func TestTrails(t *testing.T) {
	for name, o := range map[string]array.Options{
		"at once":      {},
		"page by page": {PageSize: 2},
		"refused too":  {Unverified: array.Unverified{AuditRefused: true}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, o)
			_, err := l.CreateVolume(labVolume+"9", 1<<30, array.VolumeOptions{})
			l.must(err)
			w, err := OpenWriter(t.Context(), l.access(l.Token()), testOptions(&waits{}))
			l.must(err)
			l.must(l.Connect(labHost, labVolume, 0))
			l.must(l.Connect(labHost, labVolume+"9", 0))
			if err := w.Destroy(t.Context(), l.volumeID); err == nil {
				t.Fatal("a connected volume was destroyed")
			}
			l.must(w.Disconnect(t.Context(), labVolume, labHost))
			l.must(w.Destroy(t.Context(), l.volumeID))
			l.must(l.Recover(labVolume))
			l.must(l.RelocateVolume(labVolume, "lxd::moved"))
			trails := trailOfLab(t, l)
			if len(trails) != 1 || trails[0].VolumeID != l.volumeID || !trails[0].Deeds.IsComplete() {
				t.Fatalf("%+v", trails)
			}
			var got []string
			for _, d := range trails[0].Deeds.Items {
				got = append(got, strings.TrimSpace(d.Verb+" "+d.Interface+" "+strings.Join(d.Hosts, "+")))
				if d.At.IsZero() || d.User == "" || time.Since(d.At) < -time.Hour {
					t.Errorf("%+v", d)
				}
			}
			want := []string{"create CLI", "connect CLI " + labHost, "disconnect REST " + labHost, "destroy REST", "recover CLI", "rename CLI"}
			if o.Unverified.AuditRefused {
				want = slices.Insert(want, 2, "destroy REST")
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// How far back the trail reaches is asked where a volume's making is not among
// what was told of it, and nothing is said where the array does not answer that.
func TestTrailReachesBack(t *testing.T) {
	early := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name    string
		created time.Time
		fault   *array.Fault
		want    time.Time
	}{
		{"its own rows say it", early.AddDate(20, 0, 0), &array.Fault{Kind: array.Reply, Status: http.StatusBadRequest}, time.Time{}},
		{"other rows are older", early.AddDate(0, 0, -1), nil, early},
		{"no sorting", early.AddDate(0, 0, -1), &array.Fault{Kind: array.Reply, Status: http.StatusBadRequest}, time.Time{}},
		{"broken", early.AddDate(0, 0, -1), &array.Fault{Kind: array.ServerError}, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, array.Options{})
			_, err := l.CreateVolume(labVolume+"9", 1<<30, array.VolumeOptions{Created: early})
			l.must(err)
			if c.fault != nil {
				c.fault.Method, c.fault.Path, c.fault.Query = "GET", "/audits", map[string]string{"sort": "time"}
				l.Inject(*c.fault)
			}
			r, err := Open(t.Context(), l.access(l.Token()), testOptions(&waits{}))
			l.must(err)
			trails := r.Trails(t.Context(), []evidence.Volume{{ID: l.volumeID, Name: labVolume, Created: c.created}})
			if len(trails) != 1 || !trails[0].Deeds.IsComplete() || len(trails[0].Deeds.Items) != 1 {
				t.Fatalf("%+v", trails)
			}
			if c.name == "its own rows say it" {
				c.want = trails[0].Deeds.Items[0].At
			}
			if !trails[0].Since.Equal(c.want) {
				t.Errorf("since %v, want %v", trails[0].Since, c.want)
			}
		})
	}
}

// An array that keeps its trail from us tells nothing, and one that fails on
// the way tells that there may be more.
func TestTrailsThatCanNotBeRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault array.Fault
		want  int
	}{
		{"not allowed", array.Fault{Kind: array.Forbidden}, 0},
		{"no such list", array.Fault{Kind: array.Reply, Status: http.StatusNotFound}, 0},
		{"broken", array.Fault{Kind: array.ServerError}, 1},
		{"cut off", array.Fault{Kind: array.Drop}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, array.Options{})
			l.must(l.Connect(labHost, labVolume, 0))
			c.fault.Method, c.fault.Path = "GET", "/audits"
			l.Inject(c.fault)
			trails := trailOfLab(t, l)
			if len(trails) != c.want || (c.want > 0 && trails[0].Deeds.IsComplete()) {
				t.Errorf("%+v", trails)
			}
		})
	}
}

// A connect's host is found in each way in which its command may be worded, and
// nothing else is taken for one.
func TestHostsInTheTrail(t *testing.T) {
	v := evidence.Volume{Name: "p1::u-1", ID: "0c1fa5c0-0000-4a00-8000-00000000000a"}
	for arguments, want := range map[string]string{
		"--host lxd01-iscsi p1::u-1":                    "lxd01-iscsi",
		"--host lxd01-iscsi --lun 7 p1::u-1":            "lxd01-iscsi",
		"--host=lxd01-iscsi --lun=7 p1::u-1":            "lxd01-iscsi",
		"--host a-iscsi,b-iscsi P1::U-1":                "a-iscsi b-iscsi",
		"--vol p1::u-1 lxd01-iscsi":                     "lxd01-iscsi",
		"--vol p1::u-1,p1::u-2 a-iscsi b-iscsi":         "a-iscsi b-iscsi",
		"--hgroup lab p1::u-1":                          "lab",
		"lxd01-iscsi p1::u-1":                           "lxd01-iscsi",
		"host_names=lxd01-iscsi volume_names=p1::u-1":   "lxd01-iscsi",
		"host_names=['a-iscsi','b'] volume_ids=" + v.ID: "a-iscsi b",
		"lxd01-iscsi " + v.ID:                           "lxd01-iscsi",
		"--protocol iscsi p1::u-1":                      "",
		"p1::u-1":                                       "",
		"":                                              "",
	} {
		if got := strings.Join(hostsIn(arguments, v), " "); got != want {
			t.Errorf("%q: got %q, want %q", arguments, got, want)
		}
	}
	// A volume outside a pod is known by its own name alone.
	if got := hostsIn("--host h1 plain", evidence.Volume{Name: "plain"}); !slices.Equal(got, []string{"h1"}) {
		t.Errorf("got %q", got)
	}
}
