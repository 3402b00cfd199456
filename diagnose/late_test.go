package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// gaveUp is when LXD gave up on the recorded iSCSI leak: the array had made the
// volume 31 seconds before.
var gaveUp = time.Date(2026, 11, 22, 8, 31, 31, 0, time.UTC)

func complaint(at time.Time, volume string) evidence.Complaint {
	return evidence.Complaint{
		Kind: evidence.ComplaintNoDevice, At: at, File: "/var/log/syslog", Line: 7,
		Text: `Failed locating device for volume "` + volume + `": context deadline exceeded`,
	}
}

func arrival(at time.Time, disk, table time.Duration) evidence.Arrival {
	a := evidence.Arrival{Device: "sdd", Serial: "D5BC07893D61B51B0001100D", At: at, Source: "/var/log/syslog"}
	if disk >= 0 {
		a.DiskMS = evidence.CountOf(disk.Milliseconds())
	}
	if table >= 0 {
		a.MapMS = evidence.CountOf(table.Milliseconds())
	}
	return a
}

// lateWorld is the recorded leak with what its logs told.
func lateWorld(t *testing.T) evidence.World {
	w := recordedWorld(t, "03-leak15210-late-device")
	w.Hosts[0].Log = &evidence.Log{
		Complaints: evidence.Complete([]evidence.Complaint{
			complaint(gaveUp.Add(-136*time.Second), "default_hide1"),
			complaint(gaveUp, "default_leak1"),
			complaint(gaveUp.Add(34*time.Second), "default_nleak1"),
		}),
		Arrivals: evidence.Complete([]evidence.Arrival{arrival(gaveUp.Add(180*time.Second), 28*time.Second, -1)}),
		Read:     []string{"/var/log/syslog"},
	}
	return w
}

func findingOf(t *testing.T, w evidence.World, object string) Finding {
	t.Helper()
	for _, f := range Judge(w, DefaultPolicy()).Findings {
		if f.Object == object {
			return f
		}
	}
	t.Fatalf("nothing is found about %s", object)
	return Finding{}
}

func TestLateDevices(t *testing.T) {
	w := lateWorld(t)
	f := findingOf(t, w, late)
	if f.Late == nil || f.Late.After() != 208*time.Second || f.Late.Host != "lxdlab" ||
		f.Cause != "its device came 208 s after LXD had given up (timeout 30 s; /var/log/syslog, line 7); the array then refused to delete a connected volume, and LXD removed the record all the same" {
		t.Errorf("%+v %q", f.Late, f.Cause)
	}
	// Of a namespace no log tells when it came.
	if f := findingOf(t, w, lateN); f.Late == nil || f.Late.After() != 0 || !strings.HasPrefix(f.Cause, "LXD gave up waiting for its device at 2026-11-22 08:32:05 (timeout 30 s; ") {
		t.Errorf("%+v %q", f.Late, f.Cause)
	}
	// A cause is no permission: the gates say the same without the logs.
	with := Judge(w, DefaultPolicy())
	w.Hosts[0].Log = nil
	without := Judge(w, DefaultPolicy())
	for i := range with.Findings {
		if a, b := with.Findings[i], without.Findings[i]; a.Object != b.Object || a.Verdict != b.Verdict || !slices.Equal(a.Gates, b.Gates) {
			t.Errorf("%s: %s with the logs, %s without", a.Object, a.Verdict, b.Verdict)
		}
	}
	if f := findingOf(t, w, late); f.Late != nil || !strings.HasPrefix(f.Cause, "the device likely came after LXD had given up") {
		t.Errorf("without logs: %+v %q", f.Late, f.Cause)
	}
}

// TestNothingProvenOfALateDevice: what may have been otherwise is not said.
func TestNothingProvenOfALateDevice(t *testing.T) {
	log := func(w *evidence.World) *evidence.Log { return w.Hosts[0].Log }
	for name, change := range map[string]func(w *evidence.World){
		"LXD gave up earlier":          func(w *evidence.World) { log(w).Complaints.Items[1].At = gaveUp.Add(-10 * time.Second) },
		"LXD gave up later":            func(w *evidence.World) { log(w).Complaints.Items[1].At = gaveUp.Add(40 * time.Second) },
		"a line without a time":        func(w *evidence.World) { log(w).Complaints.Items[1].At = time.Time{} },
		"a line of seconds since 1970": func(w *evidence.World) { log(w).Complaints.Items[1].At = time.Unix(1700, 0) },
		"another error": func(w *evidence.World) {
			log(w).Complaints.Items[1].Text = `Failed locating device for volume "default_leak1": no such file`
		},
		"an image, by its name": func(w *evidence.World) { log(w).Complaints.Items[1].Text = complaint(gaveUp, "c0ffee").Text },
		"a volume that LXD has": func(w *evidence.World) { log(w).Complaints.Items[1].Text = complaint(gaveUp, "default_fs1").Text },
		"the device came in time": func(w *evidence.World) {
			log(w).Arrivals.Items[0] = arrival(gaveUp.Add(-20*time.Second), 2*time.Second, -1)
		},
		"the map came in time": func(w *evidence.World) {
			log(w).Arrivals.Items[0] = arrival(gaveUp.Add(-20*time.Second), 2*time.Second, 9*time.Second)
		},
		"LXD gave up twice": func(w *evidence.World) {
			log(w).Complaints.Items[0] = complaint(gaveUp.Add(3*time.Second), "default_x")
		},
		"records that were not all": func(w *evidence.World) { w.LXD.Records = evidence.Incomplete(w.LXD.Records.Items, "cut") },
		"volumes that were not all": func(w *evidence.World) { w.Arrays[0].Volumes = evidence.Incomplete(w.Arrays[0].Volumes.Items, "cut") },
		"an unknown clock":          func(w *evidence.World) { w.Arrays[0].Clock = time.Time{} },
		"a clock that is far off": func(w *evidence.World) {
			w.Hosts[0].Recorded, w.Arrays[0].Clock = false, w.Arrays[0].Clock.Add(time.Hour)
		},
		"a clock that is far off, and fits if it is believed": func(w *evidence.World) {
			w.Hosts[0].Recorded, w.Arrays[0].Clock = false, w.Arrays[0].Clock.Add(time.Hour)
			for i := range w.Arrays[0].Volumes.Items {
				w.Arrays[0].Volumes.Items[i].Created = w.Arrays[0].Volumes.Items[i].Created.Add(time.Hour)
			}
		},
		"a custom volume's line, and an image": func(w *evidence.World) {
			for i := range w.Arrays[0].Volumes.Items {
				if v := &w.Arrays[0].Volumes.Items[i]; v.Name == late {
					v.LXD.Type = evidence.TypeImage
				}
			}
		},
		"a second volume of the same moment": func(w *evidence.World) {
			for _, v := range w.Arrays[0].Volumes.Items {
				if v.Name == late {
					v.Name, v.ID, v.Serial = "purepool::u-00000000000040008000000000000001", "x", "D5BC07893D61B51B0001AAAA"
					v.LXD.UUID = evidence.UUID{1}
					w.Arrays[0].Volumes.Items = append(w.Arrays[0].Volumes.Items, v)
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := lateWorld(t)
			change(&w)
			for _, f := range Judge(w, DefaultPolicy()).Findings {
				if f.Object == late && f.Late != nil {
					t.Errorf("%+v: %s", f.Late, f.Cause)
				}
			}
		})
	}
}

// TestWhenADeviceCame: only what no restart can lie before.
func TestWhenADeviceCame(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l *evidence.Log)
		want   time.Duration
	}{
		"its map": {func(l *evidence.Log) {
			l.Arrivals.Items[0] = arrival(gaveUp.Add(10*time.Second), time.Second, 4*time.Second)
		}, 14 * time.Second},
		"udev's first word, since the machine started": {func(l *evidence.Log) {
			l.Arrivals.Items[0] = arrival(gaveUp.Add(50*time.Second), -1, -1)
			l.Arrivals.Items[0].Source, l.Started = "/run/udev/data", gaveUp.Add(-time.Hour)
		}, 50 * time.Second},
		"another log, and the machine started since": {func(l *evidence.Log) {
			l.Arrivals.Items[0].Source, l.Started = "the kernel's log", gaveUp.Add(time.Minute)
		}, 0},
		"another log, and nobody knows when it started": {func(l *evidence.Log) { l.Arrivals.Items[0].Source = "the kernel's log" }, 0},
		"of another volume":                             {func(l *evidence.Log) { l.Arrivals.Items[0].Serial = "D5BC07893D61B51B0001100F" }, 0},
		"of no known volume":                            {func(l *evidence.Log) { l.Arrivals.Items[0].Serial = "" }, 0},
		"twice": {func(l *evidence.Log) {
			l.Arrivals.Items = append(l.Arrivals.Items, arrival(gaveUp.Add(20*time.Second), time.Second, -1))
		}, 21 * time.Second},
		"days later": {func(l *evidence.Log) { l.Arrivals.Items[0] = arrival(gaveUp.Add(50*time.Hour), 0, -1) }, 50 * time.Hour},
		"before the volume was made, from another": {func(l *evidence.Log) {
			l.Arrivals.Items = append(l.Arrivals.Items, arrival(gaveUp.Add(-time.Hour), time.Second, -1))
		}, 208 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := lateWorld(t)
			c.change(w.Hosts[0].Log)
			f := findingOf(t, w, late)
			if f.Late == nil || f.Late.After() != c.want || strings.Contains(f.Cause, "its device came") != (c.want > 0) {
				t.Errorf("%+v, want %s; %s", f.Late, c.want, f.Cause)
			}
		})
	}
}

// TestLateByName: a volume that LXD has is known by its name, in whatever
// project, and by the last time that LXD waited for it.
func TestLateByName(t *testing.T) {
	w := recordedWorld(t, "05-stale-array-side")
	const kill1 = "purepool::u-da659b9140694ef594c61b6b09aac17e"
	at := w.LXD.Began
	w.Hosts[0].Log = &evidence.Log{Complaints: evidence.Complete([]evidence.Complaint{
		complaint(at.Add(-time.Minute), "default_kill1"), complaint(at.Add(-2*time.Minute), "default_kill1"),
		complaint(at.Add(-time.Minute), "other_kill1"), complaint(at.Add(-time.Minute), "kill1"),
	})}
	f := findingOf(t, w, kill1)
	if f.Code != "stale-connection" || f.Late == nil || !f.Late.GaveUp.Equal(at.Add(-time.Minute)) {
		t.Errorf("%s %+v", f.Code, f.Late)
	}
	// A finding about another machine did not come of it, and a line without
	// a time is no moment.
	facts := newFacts(&w, DefaultPolicy())
	facts.hosts = append(facts.hosts, &hostFacts{Host: &evidence.Host{Source: evidence.Source{Name: "other"}}})
	for v := range facts.late {
		if facts.lateOf(v, "other") != nil || facts.lateOf(v, "other-iscsi") == nil || facts.lateOf(v, "") == nil {
			t.Error("a finding about another machine came of it")
		}
	}
	undated := evidence.Complete([]evidence.Complaint{complaint(time.Time{}, "default_kill1")})
	dated := w.Hosts[0].Log.Complaints
	w.Hosts[0].Log.Complaints = undated
	if f := findingOf(t, w, kill1); f.Late != nil {
		t.Errorf("without a time: %+v", f.Late)
	}
	w.Hosts[0].Log.Complaints = dated
	// A volume that was made anew under the name is another one.
	for i := range w.LXD.Records.Items {
		if r := &w.LXD.Records.Items[i]; r.Name == "kill1" {
			r.Created = at.Add(-30 * time.Second)
		}
	}
	if f := findingOf(t, w, kill1); f.Late != nil {
		t.Errorf("made later: %+v", f.Late)
	}
	for want, r := range map[string]evidence.Record{
		"default_v": {Type: evidence.TypeCustom, Project: "default", Name: "v"},
		"p_v":       {Type: evidence.TypeCustom, Project: "p", Name: "v"},
		"c1":        {Type: evidence.TypeContainer, Project: "default", Name: "c1"},
		"p_c1":      {Type: evidence.TypeVM, Project: "p", Name: "c1"},
		"c0ffee":    {Type: evidence.TypeImage, Project: "p", Name: "c0ffee"},
	} {
		if got := storageName(&r); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
