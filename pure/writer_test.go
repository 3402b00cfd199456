package pure

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/secret"
	"github.com/pureclean/pureclean/simulator/array"
)

const (
	labVolume   = "lxd::u-df2ba6a8d9a047beab5d2d0586abac61"
	labSnapshot = labVolume + ".su-e8ab2d4244064a60871cb386e4170965"
	labHost     = "lxd01-iscsi"
	someID      = "2d9e916e-2ab5-081f-7ea3-055af0430172"
)

// lab is a simulated array on a real port, with one volume, its snapshot and
// two hosts, nothing connected.
type lab struct {
	*array.Array
	t                    *testing.T
	server               *array.Server
	volumeID, snapshotID string
	log                  *bytes.Buffer
}

func newLab(t *testing.T, o array.Options) *lab {
	t.Helper()
	l := &lab{Array: array.New(o), t: t, log: &bytes.Buffer{}}
	l.must(l.CreatePod("lxd"))
	v, err := l.CreateVolume(labVolume, 1<<30, array.VolumeOptions{})
	l.must(err)
	l.volumeID = v.ID
	_, suffix, _ := strings.Cut(labSnapshot, ".")
	_, err = l.CreateSnapshot(labVolume, suffix)
	l.must(err)
	l.must(l.CreateHost(labHost, []string{"iqn.1993-08.org.debian:01:abc"}, nil, nil))
	l.must(l.CreateHost("lxd02-iscsi", []string{"iqn.1993-08.org.debian:01:def"}, nil, nil))
	l.server, err = l.Serve()
	l.must(err)
	t.Cleanup(func() { l.must(l.server.Close()) })
	r, err := Open(t.Context(), l.access(l.Token()), testOptions(&waits{}))
	l.must(err)
	snapshots := r.Observe(t.Context(), []string{"lxd"}).Snapshots
	if len(snapshots.Items) != 1 {
		t.Fatalf("snapshots: %v", snapshots)
	}
	l.snapshotID = snapshots.Items[0].ID
	l.must(r.Close(t.Context()))
	l.ResetRequests()
	return l
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) access(token string) Access {
	return Access{URL: l.server.URL, Token: secret.New(token), Fingerprint: l.server.Fingerprint}
}

func (l *lab) options() Options {
	o := testOptions(&waits{})
	o.Log = slog.New(slog.NewTextHandler(l.log, nil))
	return o
}

func (l *lab) openAs(token string, o Options) *Writer {
	l.t.Helper()
	w, err := OpenWriter(l.t.Context(), l.access(token), o)
	l.must(err)
	l.t.Cleanup(func() { l.must(w.Close(context.Background())) })
	return w
}

func (l *lab) open() *Writer { return l.openAs(l.Token(), l.options()) }

// asked are the requests that are not a session's own.
func (l *lab) asked() []array.Request {
	return slices.DeleteFunc(l.Requests(), func(r array.Request) bool {
		return r.Path == "/api_version" || r.Path == "/login" || r.Path == "/logout"
	})
}

func (l *lab) isConnected() bool { return len(l.Connections()) > 0 }

func (l *lab) isDestroyed() bool {
	v, found := l.Volume(labVolume)
	return found && v.Destroyed
}

// deed is one of the Writer's methods in the lab.
type deed struct {
	name string
	// prepare makes the state in which the array agrees.
	prepare func(*lab)
	do      func(*lab, *Writer) error
	// done reports that it took effect.
	done func(*lab) bool
	want array.Request
	body string
	// least is the shortest deadline that it may have.
	least time.Duration
}

func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q
}

func (l *lab) connect() { l.must(l.Connect(labHost, labVolume, 0)) }
func (l *lab) destroy() { l.must(l.DestroyVolume(labVolume)) }
func nothing(*lab)      {}

func deeds() []deed {
	ends := query("volume_names", labVolume, "host_names", labHost)
	return []deed{
		{
			"disconnect", (*lab).connect,
			func(l *lab, w *Writer) error { return w.Disconnect(l.t.Context(), labVolume, labHost) },
			func(l *lab) bool { return !l.isConnected() },
			array.Request{Method: "DELETE", Path: "/connections", Query: ends},
			"", 20 * time.Second,
		},
		{
			"connect", nothing,
			func(l *lab, w *Writer) error { return w.Connect(l.t.Context(), labVolume, labHost, 0) },
			(*lab).isConnected,
			array.Request{Method: "POST", Path: "/connections", Query: ends},
			"", 20 * time.Second,
		},
		{
			"connect at a LUN", nothing,
			func(l *lab, w *Writer) error { return w.Connect(l.t.Context(), labVolume, labHost, 77) },
			(*lab).isConnected,
			array.Request{Method: "POST", Path: "/connections", Query: ends},
			`{"lun":77}`, 20 * time.Second,
		},
		{
			"destroy", nothing,
			func(l *lab, w *Writer) error { return w.Destroy(l.t.Context(), l.volumeID) },
			(*lab).isDestroyed,
			array.Request{Method: "PATCH", Path: "/volumes", Query: query("ids", "VOLUME")},
			`{"destroyed":true}`, time.Minute,
		},
		{
			"recover", (*lab).destroy,
			func(l *lab, w *Writer) error { return w.Recover(l.t.Context(), l.volumeID) },
			func(l *lab) bool { return !l.isDestroyed() },
			array.Request{Method: "PATCH", Path: "/volumes", Query: query("ids", "VOLUME")},
			`{"destroyed":false}`, time.Minute,
		},
		{
			"eradicate", (*lab).destroy,
			func(l *lab, w *Writer) error { return w.Eradicate(l.t.Context(), l.volumeID) },
			func(l *lab) bool { _, found := l.Volume(labVolume); return !found },
			array.Request{Method: "DELETE", Path: "/volumes", Query: query("ids", "VOLUME")},
			"", time.Minute,
		},
		{
			"destroy snapshot", nothing,
			func(l *lab, w *Writer) error { return w.DestroySnapshot(l.t.Context(), l.snapshotID) },
			(*lab).snapshotIsDestroyed,
			array.Request{Method: "PATCH", Path: "/volume-snapshots", Query: query("ids", "SNAPSHOT")},
			`{"destroyed":true}`, time.Minute,
		},
		{
			"recover snapshot", func(l *lab) { l.must(l.DestroySnapshot(labSnapshot)) },
			func(l *lab, w *Writer) error { return w.RecoverSnapshot(l.t.Context(), l.snapshotID) },
			func(l *lab) bool { return !l.snapshotIsDestroyed() },
			array.Request{Method: "PATCH", Path: "/volume-snapshots", Query: query("ids", "SNAPSHOT")},
			`{"destroyed":false}`, time.Minute,
		},
		{
			"delete host", nothing,
			func(l *lab, w *Writer) error { return w.DeleteHost(l.t.Context(), labHost) },
			func(l *lab) bool { return len(l.Hosts()) == 1 },
			array.Request{Method: "DELETE", Path: "/hosts", Query: query("names", labHost)},
			"", 20 * time.Second,
		},
	}
}

// snapshotIsDestroyed asks as an administrator would.
func (l *lab) snapshotIsDestroyed() bool {
	r, err := Open(l.t.Context(), l.access(l.Token()), testOptions(&waits{}))
	l.must(err)
	defer func() { l.must(r.Close(l.t.Context())) }()
	for _, s := range r.Observe(l.t.Context(), []string{"lxd"}).Snapshots.Items {
		if s.ID == l.snapshotID {
			return s.Destroyed.Is()
		}
	}
	l.t.Fatal("the snapshot is gone")
	return false
}

// each runs the deeds (all, or those named) in labs of their own.
func each(t *testing.T, run func(*testing.T, *lab, deed), names ...string) {
	for _, d := range deeds() {
		if len(names) > 0 && !slices.Contains(names, d.name) {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			l := newLab(t, array.Options{})
			d.prepare(l)
			run(t, l, d)
		})
	}
}

func TestEachChangeIsOneRequestThatDoesIt(t *testing.T) {
	each(t, func(t *testing.T, l *lab, d deed) {
		var bodies []string
		var deadlines []time.Duration
		options := l.options()
		options.Wrap = func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(q *http.Request) (*http.Response, error) {
				if isChange(q) {
					text := ""
					if q.GetBody != nil {
						b, err := q.GetBody()
						l.must(err)
						raw, err := io.ReadAll(b)
						l.must(err)
						text = string(raw)
						if q.Header.Get("Content-Type") != "application/json" {
							t.Errorf("content type %q", q.Header.Get("Content-Type"))
						}
					}
					bodies = append(bodies, text)
					until, _ := q.Context().Deadline()
					deadlines = append(deadlines, time.Until(until))
				}
				return next.RoundTrip(q)
			})
		}
		w := l.openAs(l.Token(), options)
		if w.LastRequestID() != "" {
			t.Errorf("request id %q of nothing", w.LastRequestID())
		}
		if err := d.do(l, w); err != nil {
			t.Fatal(err)
		}
		asked := l.asked()
		if !d.done(l) {
			t.Error("nothing was done")
		}
		switch d.want.Query.Get("ids") {
		case "VOLUME":
			d.want.Query.Set("ids", l.volumeID)
		case "SNAPSHOT":
			d.want.Query.Set("ids", l.snapshotID)
		}
		d.want.RequestID, d.want.Version, d.want.UserAgent, d.want.Status = w.LastRequestID(), "2.21", "pureclean/test", 200
		if len(asked) == 1 {
			d.want.Time = asked[0].Time
		}
		if diff := cmp.Diff([]array.Request{d.want}, asked); diff != "" || len(w.LastRequestID()) != 36 {
			t.Errorf("id %q, requests (-want +got):\n%s", w.LastRequestID(), diff)
		}
		if diff := cmp.Diff([]string{d.body}, bodies); diff != "" {
			t.Error(diff)
		}
		if len(deadlines) != 1 || deadlines[0] > d.least || deadlines[0] < d.least-10*time.Second {
			t.Errorf("deadlines %v, want %s", deadlines, d.least)
		}
		lines := l.log.String()
		if strings.Count(lines, "level=INFO") != 2 || !strings.Contains(lines, w.LastRequestID()) || !strings.Contains(lines, "outcome=accepted") {
			t.Errorf("log:\n%s", lines)
		}
		if strings.Contains(lines, l.Token()) {
			t.Error("the log tells the token")
		}
	})
}

// lost must be what is returned when nobody knows.
func lost(t *testing.T, err error) {
	t.Helper()
	var l *LostError
	if !errors.As(err, &l) || !strings.Contains(Hint(err), "look at the array") || !strings.Contains(err.Error(), "not known") {
		t.Errorf("%v, want a LostError; hint %q", err, Hint(err))
	}
	if eradicationDisabled(err) || status(429)(err) {
		t.Errorf("%v passes for a refusal", err)
	}
}

// notDone must be what is returned when it certainly was not done.
func notDone(t *testing.T, err error) {
	t.Helper()
	if err == nil || as[*LostError](err) {
		t.Errorf("%v, want an error that is no LostError", err)
	}
}

func TestLostAnswers(t *testing.T) {
	some := []string{"disconnect", "destroy"}
	for name, c := range map[string]struct {
		fault array.Fault
		done  bool
		// deeds are those tried, nil all.
		deeds []string
	}{
		"done, connection cut":      {array.Fault{Kind: array.LoseReply}, true, nil},
		"connection cut":            {array.Fault{Kind: array.Drop}, false, nil},
		"half an answer":            {array.Fault{Kind: array.HalfBody}, true, some},
		"500 though done":           {array.Fault{Kind: array.ServerError, Status: 500, Done: true}, true, some},
		"502":                       {array.Fault{Kind: array.ServerError, Status: 502}, false, some},
		"503 though done":           {array.Fault{Kind: array.ServerError, Done: true}, true, nil},
		"504":                       {array.Fault{Kind: array.ServerError, Status: 504}, false, some},
		"408":                       {array.Fault{Kind: array.Reply, Status: 408, Body: "{}"}, false, some},
		"418":                       {array.Fault{Kind: array.Reply, Status: 418, Body: "{}"}, false, some},
		"202":                       {array.Fault{Kind: array.Reply, Status: 202, Body: "{}"}, false, some},
		"207":                       {array.Fault{Kind: array.Reply, Status: 207, Body: `{"errors":[{"message":"Volume does not exist."}]}`}, false, some},
		"303":                       {array.Fault{Kind: array.Reply, Status: 303, Body: "{}"}, false, some},
		"500 with a refusal's text": {array.Fault{Kind: array.Reply, Status: 500, Body: `{"errors":[{"context":"x","message":"Volume does not exist."}]}`}, false, some},
		"a web page":                {array.Fault{Kind: array.ServerError, Status: 200}, false, some},
		"a web page though done":    {array.Fault{Kind: array.ServerError, Status: 200, Done: true}, true, some},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, l *lab, d deed) {
				w := l.open()
				fault := c.fault
				fault.Method, fault.Path, fault.Times = d.want.Method, d.want.Path, 2
				remove := l.Inject(fault)
				lost(t, d.do(l, w))
				remove()
				if asked := l.asked(); len(asked) != 1 {
					t.Errorf("%d requests, want one: %v", len(asked), asked)
				}
				if d.done(l) != c.done {
					t.Errorf("done: %t, want %t", !c.done, c.done)
				}
				if !strings.Contains(l.log.String(), "outcome=unknown") {
					t.Errorf("log:\n%s", l.log)
				}
			}, c.deeds...)
		})
	}
}

func TestAnAnswerThatComesTooLateIsLost(t *testing.T) {
	for _, done := range []bool{false, true} {
		l := newLab(t, array.Options{})
		l.connect()
		options := l.options()
		options.Timeout = 100 * time.Millisecond
		w := l.openAs(l.Token(), options)
		kind := array.Fault{Method: "DELETE", Kind: array.Delay}
		if done {
			// It is carried out, after we gave up.
			kind.Wait = func(ctx context.Context) error { <-ctx.Done(); return nil }
		}
		remove := l.Inject(kind)
		changed := make(chan struct{})
		l.OnChange(sync.OnceFunc(func() { close(changed) }))
		err := w.Disconnect(t.Context(), labVolume, labHost)
		lost(t, err)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if done {
			<-changed
		}
		remove()
		if l.isConnected() == done {
			t.Errorf("done %t, connected %t", done, l.isConnected())
		}
	}
}

func TestACancelWhileUnderWayIsLost(t *testing.T) {
	l := newLab(t, array.Options{})
	w := l.open()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	remove := l.Inject(array.Fault{Method: "PATCH", Kind: array.Delay, Wait: func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}})
	err := w.Destroy(ctx, l.volumeID)
	remove()
	lost(t, err)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}

	// One that has ended before is another matter.
	l.ResetRequests()
	notDone(t, w.Destroy(ctx, l.volumeID))
	if n := len(l.asked()); n != 0 || l.isDestroyed() {
		t.Errorf("%d requests, destroyed %t", n, l.isDestroyed())
	}
}

func TestALieIsNoError(t *testing.T) {
	for name, c := range map[string]struct {
		fault array.Fault
		deeds []string
	}{
		"nothing was done": {array.Fault{Kind: array.Lie}, nil},
		"not JSON":         {array.Fault{Kind: array.Reply, Body: "certainly"}, []string{"connect"}},
		"half JSON":        {array.Fault{Kind: array.Reply, Body: `{"items":[`}, []string{"connect"}},
		"a refusal as 200": {array.Fault{Kind: array.Reply, Body: `{"errors":[{"context":"x","message":"Volume does not exist."}]}`}, []string{"destroy"}},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, l *lab, d deed) {
				w := l.open()
				fault := c.fault
				fault.Method, fault.Path = d.want.Method, d.want.Path
				remove := l.Inject(fault)
				if err := d.do(l, w); err != nil {
					t.Error(err)
				}
				remove()
				if d.done(l) {
					t.Error("done all the same")
				}
			}, c.deeds...)
		})
	}
}

// A session that has ended is renewed, and nothing is sent again: whoever asked
// looks first.
func TestAnEndedSessionIsRenewed(t *testing.T) {
	each(t, func(t *testing.T, l *lab, d deed) {
		w := l.open()
		l.ExpireSessions()
		err := d.do(l, w)
		notDone(t, err)
		var ended *SessionEndedError
		if asked := l.asked(); !errors.As(err, &ended) || len(asked) != 1 || asked[0].Status != 401 || asked[0].RequestID != w.LastRequestID() || d.done(l) {
			t.Errorf("%v, done %t, last id %s, requests %v", err, d.done(l), w.LastRequestID(), asked)
		}
		if err := d.do(l, w); err != nil || !d.done(l) {
			t.Errorf("asked again: %v, done %t", err, d.done(l))
		}
	})
}

// The change was answered 401, so however badly the new login goes, it was
// not done.
func TestALoginThatFailsIsNoLostChange(t *testing.T) {
	for _, kind := range []array.FaultKind{array.Drop, array.LoseReply, array.ServerError, array.Forbidden, array.Unauthorized} {
		l := newLab(t, array.Options{})
		w := l.open()
		l.ExpireSessions()
		remove := l.Inject(array.Fault{Path: "/login", Kind: kind})
		notDone(t, w.Destroy(t.Context(), l.volumeID))
		if asked := l.asked(); len(asked) != 1 || l.isDestroyed() {
			t.Errorf("%s: requests %v", kind, asked)
		}
		remove()
		if err := w.Destroy(t.Context(), l.volumeID); !as[*SessionEndedError](err) || l.isDestroyed() {
			t.Errorf("%s: the next time: %v", kind, err)
		}
		if err := w.Destroy(t.Context(), l.volumeID); err != nil || !l.isDestroyed() {
			t.Errorf("%s: in the new session: %v", kind, err)
		}
	}
}

func TestWhatAFrontEndRefuses(t *testing.T) {
	each(t, func(t *testing.T, l *lab, d deed) {
		pauses := &waits{}
		options := l.options()
		options.Sleep = pauses.sleep
		w := l.openAs(l.ReadOnlyToken(), options)
		err := d.do(l, w)
		notDone(t, err)
		if !status(403)(err) || !strings.Contains(Hint(err), "array_admin") || d.done(l) {
			t.Errorf("%v, hint %q", err, Hint(err))
		}
		l.ResetRequests()
		w = l.openAs(l.Token(), options)
		remove := l.Inject(array.Fault{Method: d.want.Method, Path: d.want.Path, Kind: array.TooMany})
		err = d.do(l, w)
		remove()
		notDone(t, err)
		if asked := l.asked(); !status(429)(err) || len(asked) != 1 || len(pauses.all()) != 0 || d.done(l) {
			t.Errorf("%v after %v and pauses %v", err, asked, pauses.all())
		}
	})
}

func TestRefusalsOfTheArray(t *testing.T) {
	for _, c := range []struct {
		name    string
		options array.Options
		prepare func(*lab)
		do      func(*lab, context.Context, *Writer) error
		text    string
		// disabled is set when SafeMode is what refuses.
		disabled bool
	}{
		{
			"disconnect what is not connected",
			array.Options{},
			nothing,
			func(l *lab, ctx context.Context, w *Writer) error { return w.Disconnect(ctx, labVolume, labHost) },
			"Connection does not exist.", false,
		},
		{
			"disconnect a volume that is not there",
			array.Options{},
			nothing,
			func(l *lab, ctx context.Context, w *Writer) error { return w.Disconnect(ctx, "lxd::u-1", labHost) },
			"Volume does not exist.", false,
		},
		{
			"disconnect a host that is not there",
			array.Options{},
			nothing,
			func(l *lab, ctx context.Context, w *Writer) error { return w.Disconnect(ctx, labVolume, "lxd09") },
			"Host does not exist.", false,
		},
		{
			"disconnect a host group's connection",
			array.Options{},
			func(l *lab) {
				l.must(l.CreateHostGroup("group", labHost, "lxd02-iscsi"))
				l.must(l.Connect("group", labVolume, 0))
			},
			func(l *lab, ctx context.Context, w *Writer) error {
				err := w.Disconnect(ctx, labVolume, labHost)
				if n := len(l.Connections()); n != 2 {
					l.t.Errorf("%d connections left", n)
				}
				return err
			},
			"Connection does not exist.", false,
		},
		{
			"disconnect a destroyed volume",
			array.Options{},
			(*lab).destroy,
			func(l *lab, ctx context.Context, w *Writer) error { return w.Disconnect(ctx, labVolume, labHost) },
			"Volume has been destroyed.", false,
		},
		{
			"connect twice",
			array.Options{},
			(*lab).connect,
			func(l *lab, ctx context.Context, w *Writer) error { return w.Connect(ctx, labVolume, labHost, 0) },
			"Connection already exists.", false,
		},
		{
			"destroy a connected volume",
			array.Options{},
			(*lab).connect,
			func(l *lab, ctx context.Context, w *Writer) error { return w.Destroy(ctx, l.volumeID) },
			"Volume cannot be deleted due to existing connections.", false,
		},
		{
			"destroy a connected volume, in other words",
			array.Options{Unverified: array.Unverified{ConnectedText: "No way."}},
			(*lab).connect,
			func(l *lab, ctx context.Context, w *Writer) error { return w.Destroy(ctx, l.volumeID) },
			"No way.", false,
		},
		{
			"destroy twice",
			array.Options{},
			(*lab).destroy,
			func(l *lab, ctx context.Context, w *Writer) error { return w.Destroy(ctx, l.volumeID) },
			"Volume has been deleted.", false,
		},
		{
			"destroy what is not there",
			array.Options{},
			nothing,
			func(l *lab, ctx context.Context, w *Writer) error { return w.Destroy(ctx, someID) },
			"Volume does not exist.", false,
		},
		{
			"recover a live volume",
			array.Options{},
			nothing,
			func(l *lab, ctx context.Context, w *Writer) error { return w.Recover(ctx, l.volumeID) },
			"Volume is not destroyed.", false,
		},
		{
			"eradicate a live volume",
			array.Options{},
			nothing,
			func(l *lab, ctx context.Context, w *Writer) error { return w.Eradicate(ctx, l.volumeID) },
			"Volume has not been destroyed.", false,
		},
		{
			"eradicate under SafeMode",
			array.Options{},
			func(l *lab) { l.destroy(); l.SetSafeMode(true) },
			func(l *lab, ctx context.Context, w *Writer) error { return w.Eradicate(ctx, l.volumeID) },
			"Eradication is disabled.", true,
		},
		{
			"destroy a snapshot twice",
			array.Options{},
			func(l *lab) { l.must(l.DestroySnapshot(labSnapshot)) },
			func(l *lab, ctx context.Context, w *Writer) error { return w.DestroySnapshot(ctx, l.snapshotID) },
			"Volume snapshot has been destroyed.", false,
		},
		{
			"destroy a snapshot that is not there",
			array.Options{},
			nothing,
			func(l *lab, ctx context.Context, w *Writer) error { return w.DestroySnapshot(ctx, someID) },
			"No such volume or snapshot.", false,
		},
		{
			"recover a live snapshot",
			array.Options{},
			nothing,
			func(l *lab, ctx context.Context, w *Writer) error { return w.RecoverSnapshot(ctx, l.snapshotID) },
			"Volume snapshot is not destroyed.", false,
		},
		{
			"delete a connected host",
			array.Options{},
			(*lab).connect,
			func(l *lab, ctx context.Context, w *Writer) error { return w.DeleteHost(ctx, labHost) },
			"Host cannot be deleted due to existing connections.", false,
		},
		{
			"delete a host that is not there",
			array.Options{},
			nothing,
			func(l *lab, ctx context.Context, w *Writer) error { return w.DeleteHost(ctx, "lxd09") },
			"Host does not exist.", false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, c.options)
			c.prepare(l)
			w := l.open()
			before := []any{l.Volumes(), l.Connections(), l.Hosts()}
			err := c.do(l, t.Context(), w)
			notDone(t, err)
			var e *Error
			if !errors.As(err, &e) || e.Status != 400 || !e.says(c.text) || e.RequestID != w.LastRequestID() {
				t.Errorf("%v, want a 400 with %q", err, c.text)
			}
			if eradicationDisabled(err) != c.disabled {
				t.Errorf("eradication disabled: %t for %v", !c.disabled, err)
			}
			if diff := cmp.Diff(before, []any{l.Volumes(), l.Connections(), l.Hosts()}); diff != "" {
				t.Error(diff)
			}
			if n := len(l.asked()); n != 1 || !strings.Contains(l.log.String(), "outcome=refused") {
				t.Errorf("%d requests, log:\n%s", n, l.log)
			}
		})
	}
}

func TestRefusedForOneReason(t *testing.T) {
	gone, other := Message{"a", "Volume does not exist."}, Message{"b", "Volume has a snapshot policy."}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"one":               {&Error{Status: 400, Messages: []Message{gone}}, true},
		"the same twice":    {&Error{Status: 400, Messages: []Message{gone, gone}}, true},
		"another too":       {&Error{Status: 400, Messages: []Message{gone, other}}, false},
		"another status":    {&Error{Status: 404, Messages: []Message{gone}}, false},
		"no words":          {&Error{Status: 400}, false},
		"lost":              {&LostError{&Error{Status: 400, Messages: []Message{gone}}}, false},
		"nil":               {nil, false},
		"an error of yours": {errors.New("does not exist"), false},
	} {
		if refusedWith(c.err, "does not exist") != c.want {
			t.Errorf("%s: %t", name, !c.want)
		}
	}
}

func TestSafeModeOnlyKeepsFromEradicating(t *testing.T) {
	l := newLab(t, array.Options{})
	l.SetSafeMode(true)
	w := l.open()
	l.must(w.Destroy(t.Context(), l.volumeID))
	err := w.Eradicate(t.Context(), l.volumeID)
	if !eradicationDisabled(err) || !strings.Contains(Hint(err), "SafeMode") {
		t.Errorf("%v, hint %q", err, Hint(err))
	}
	l.must(w.Recover(t.Context(), l.volumeID))
	if l.isDestroyed() {
		t.Error("still destroyed")
	}
}

func TestWhatNamesNoOneObjectIsNotSent(t *testing.T) {
	l := newLab(t, array.Options{Unverified: array.Unverified{AcceptUnknownParameters: true}})
	w := l.open()
	ctx := t.Context()
	names := []string{
		"", " ", "*", "lxd::*", "a,b", ",", labVolume + "," + "lxd::u-2", "a\nb", "a\x00", "a b", " a", "a ", "a\tb", "'", `"`,
		"a&host_group_names=b", "a%2Cb", "na\u00efve", "a\uff0cb", "\u202ea", "-a", "a\n",
	}
	for _, bad := range names {
		for what, err := range map[string]error{
			"disconnect volume": w.Disconnect(ctx, bad, labHost), "disconnect host": w.Disconnect(ctx, labVolume, bad),
			"connect volume": w.Connect(ctx, bad, labHost, 0), "connect host": w.Connect(ctx, labVolume, bad, 0),
			"delete host": w.DeleteHost(ctx, bad), "destroy": w.Destroy(ctx, bad), "recover": w.Recover(ctx, bad),
			"eradicate": w.Eradicate(ctx, bad), "destroy snapshot": w.DestroySnapshot(ctx, bad), "recover snapshot": w.RecoverSnapshot(ctx, bad),
		} {
			notDone(t, err)
			if err != nil && (!strings.Contains(err.Error(), "nothing was sent") || strings.ContainsAny(err.Error(), "\n\x00")) {
				t.Errorf("%s %q: %v", what, bad, err)
			}
		}
	}
	for _, peer := range []string{"fa02:lxd01-iscsi", "pod::host", ":"} {
		notDone(t, w.Disconnect(ctx, labVolume, peer))
		notDone(t, w.Connect(ctx, labVolume, peer, 0))
		notDone(t, w.DeleteHost(ctx, peer))
	}
	for _, id := range []string{labVolume, "u-df2ba6a8d9a047beab5d2d0586abac61", someID + "0", someID[1:], someID + "," + someID, someID + "\n"} {
		notDone(t, w.Destroy(ctx, id))
		notDone(t, w.Eradicate(ctx, id))
		notDone(t, w.DestroySnapshot(ctx, id))
	}
	if asked := l.asked(); len(asked) != 0 || l.log.Len() != 0 {
		t.Errorf("sent %v", asked)
	}
}

// Whatever goes wrong further up, and whoever wraps the transport, nothing
// but the table's changes passes.
func TestAWriterSendsNothingElse(t *testing.T) {
	l := newLab(t, array.Options{})
	w := l.open()
	ids, ends := query("ids", someID), query("volume_names", labVolume, "host_names", labHost)
	for name, c := range map[string]call{
		"a host group":          {method: "DELETE", path: "connections", query: query("volume_names", labVolume, "host_group_names", "g")},
		"one parameter more":    {method: "DELETE", path: "connections", query: query("volume_names", labVolume, "host_names", labHost, "host_group_names", "g")},
		"no host":               {method: "DELETE", path: "connections", query: query("volume_names", labVolume)},
		"two volumes":           {method: "DELETE", path: "connections", query: query("volume_names", "a,b", "host_names", labHost)},
		"a volume twice":        {method: "DELETE", path: "connections", query: url.Values{"volume_names": {"a", "b"}, "host_names": {labHost}}},
		"an empty id":           {method: "PATCH", path: "volumes", query: query("ids", ""), body: `{"destroyed":true}`},
		"volumes by name":       {method: "PATCH", path: "volumes", query: query("names", labVolume), body: `{"destroyed":true}`},
		"no query":              {method: "DELETE", path: "volumes"},
		"another body":          {method: "PATCH", path: "volumes", query: ids, body: `{"destroyed":true,"name":"x"}`},
		"no body":               {method: "PATCH", path: "volumes", query: ids},
		"a body too many":       {method: "DELETE", path: "volumes", query: ids, body: `{"destroyed":true}`},
		"connect at no LUN":     {method: "POST", path: "connections", query: ends, body: `{"lun":0}`},
		"connect, and more":     {method: "POST", path: "connections", query: ends, body: `{"lun":1,"force":true}`},
		"disconnect a LUN":      {method: "DELETE", path: "connections", query: ends, body: `{"lun":1}`},
		"eradicate a snapshot":  {method: "DELETE", path: "volume-snapshots", query: ids},
		"a pod":                 {method: "PATCH", path: "pods", query: ids, body: `{"destroyed":true}`},
		"make a volume":         {method: "POST", path: "volumes", query: query("names", "a")},
		"a host group to death": {method: "DELETE", path: "host-groups", query: query("names", "g")},
		"put":                   {method: "PUT", path: "volumes", query: ids, body: `{"destroyed":true}`},
		"read":                  {method: "GET", path: "volumes"},
		"below a change":        {method: "DELETE", path: "volumes/protection-groups", query: ids},
	} {
		c.op, c.path = "try", "/api/2.21/"+c.path
		err := w.session.change(t.Context(), c, drain)
		if !errors.Is(err, errNoChange) || as[*LostError](outcome(err)) {
			t.Errorf("%s: %v", name, err)
		}
		c.path = strings.Replace(c.path, "2.21", "2.36", 1)
		if err := w.session.change(t.Context(), c, drain); !errors.Is(err, errNoChange) {
			t.Errorf("%s in another version: %v", name, err)
		}
	}
	if asked := l.asked(); len(asked) != 0 || w.LastRequestID() != "" {
		t.Errorf("sent %v", asked)
	}
	for _, path := range []string{"/api/2.36/volumes", "/api/volumes", "/volumes", "/api/2.21/volumes/"} {
		c := call{op: "try", method: "PATCH", path: path, query: ids, body: `{"destroyed":true}`}
		if err := w.session.change(t.Context(), c, drain); !errors.Is(err, errNoChange) {
			t.Errorf("PATCH %s: %v", path, err)
		}
	}
	if n := len(l.asked()); n != 0 {
		t.Errorf("%d requests sent", n)
	}
	for name, tail := range map[string]string{"a part that can't be read": "&context_names=%zz", "a semicolon": ";names=" + labVolume} {
		odd, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, l.server.URL+"/api/2.21/volumes?"+ids.Encode()+tail, http.NoBody)
		l.must(err)
		if _, err := w.guard.RoundTrip(odd); !errors.Is(err, errNoChange) {
			t.Errorf("%s of the query: %v", name, err)
		}
	}
	hidden, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, l.server.URL+"/api/2.21/volumes?"+ids.Encode(), strings.NewReader(`{"destroyed":true}`))
	l.must(err)
	hidden.GetBody = func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(`{"destroyed":true}`)), io.ErrUnexpectedEOF
	}
	if _, err := w.guard.RoundTrip(hidden); !errors.Is(err, errNoChange) {
		t.Errorf("a body of which no copy is to be had: %v", err)
	}
	streamed, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, l.server.URL+"/api/2.21/volumes?"+ids.Encode(),
		io.MultiReader(strings.NewReader(`{"destroyed":true}`)))
	l.must(err)
	if _, err := w.guard.RoundTrip(streamed); !errors.Is(err, errNoChange) {
		t.Errorf("a body that can't be looked at: %v", err)
	}
}

// A new connection for each change: on one that lay idle and died meanwhile,
// a change would be lost that never arrived.
func TestEachChangeHasItsOwnConnection(t *testing.T) {
	s := newStub(t)
	from := map[string]int{}
	s.before = func(_ http.ResponseWriter, q *http.Request, path string, _ int) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if from[q.RemoteAddr]++; path == "hosts" && from[q.RemoteAddr] > 1 {
			panic(http.ErrAbortHandler)
		}
		return path == "hosts"
	}
	w, err := OpenWriter(t.Context(), s.access(), testOptions(&waits{}))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := w.DeleteHost(t.Context(), labHost); err != nil {
			t.Error(err)
		}
	}
	if len(s.requests("hosts")) != 3 {
		t.Errorf("requests: %v", s.requests("hosts"))
	}
}

func TestAnArrayThatIsNotReachedHasDoneNothing(t *testing.T) {
	s := newStub(t)
	w, err := OpenWriter(t.Context(), s.access(), testOptions(&waits{}))
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	err = w.Destroy(t.Context(), someID)
	notDone(t, err)
	if !strings.Contains(Hint(err), "nothing listens") {
		t.Errorf("%v, hint %q", err, Hint(err))
	}
}

func TestChangesGoOneAfterAnother(t *testing.T) {
	s := newStub(t)
	var w *Writer
	s.before = func(_ http.ResponseWriter, _ *http.Request, path string, _ int) bool {
		if path == "hosts" && w.one.TryLock() {
			w.one.Unlock()
			t.Error("another change could have been sent")
		}
		return path == "hosts"
	}
	w, err := OpenWriter(t.Context(), s.access(), testOptions(&waits{}))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := w.DeleteHost(t.Context(), labHost); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(s.requests("hosts")); n != 8 {
		t.Errorf("%d requests", n)
	}
}

func TestAWriterLogsOut(t *testing.T) {
	l := newLab(t, array.Options{})
	w, err := OpenWriter(t.Context(), l.access(l.Token()), l.options())
	l.must(err)
	if n := l.Sessions(); n != 1 {
		t.Errorf("%d sessions", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l.must(w.Close(ctx))
	l.must(w.Close(ctx))
	if n := l.Sessions(); n != 0 {
		t.Errorf("%d sessions left", n)
	}
	notDone(t, w.Destroy(t.Context(), l.volumeID))
	if l.isDestroyed() || len(l.asked()) != 0 {
		t.Error("something was sent after Close")
	}
}

func TestAWriterSpeaksOneVersion(t *testing.T) {
	s := newStub(t)
	s.versions = `{"version":["2.21","2.26","2.36","2.49"]}`
	if _, err := OpenWriter(t.Context(), s.access(), testOptions(&waits{})); err != nil {
		t.Fatal(err)
	}
	if len(s.requests("login")) != 1 || s.requests("login")[0].Path != "/api/2.21/login" {
		t.Errorf("logins %v", s.requests("login"))
	}
	s.versions = `{"version":["2.20","2.26"]}`
	if _, err := OpenWriter(t.Context(), s.access(), testOptions(&waits{})); err == nil || !strings.Contains(Hint(err), "Purity") {
		t.Errorf("without 2.21: %v", err)
	}
}

// An array that repeats our secrets in its refusals is not repeated.
func TestAWriterTellsNoSecret(t *testing.T) {
	s := newStub(t)
	s.before = func(w http.ResponseWriter, q *http.Request, path string, n int) bool {
		if path != "volumes" {
			return false
		}
		refuse(w, []int{400, 403, 503}[(n-1)%3], `{"errors":[{"context":"x","message":"bad `+q.Header.Get("X-Auth-Token")+" "+goodToken+`"}]}`)
		return true
	}
	var lines bytes.Buffer
	options := testOptions(&waits{})
	options.Log = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w, err := OpenWriter(t.Context(), s.access(), options)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		err := w.Destroy(t.Context(), someID)
		if err == nil {
			t.Fatal("not refused")
		}
		told := err.Error() + Hint(err) + lines.String()
		if strings.Contains(told, goodToken) || strings.Contains(told, "session-key-number") || !strings.Contains(told, "[redacted]") {
			t.Errorf("told:\n%s", told)
		}
	}
}
