package witness_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/lxd"
	"github.com/pureclean/pureclean/witness"
)

// diary notes what happens, in the order in which it does.
type diary struct {
	mu    sync.Mutex
	notes []string
}

func (d *diary) note(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, text)
}

// first and last are the places of a note; both fail the test without one.
func (d *diary) first(t *testing.T, text string) int {
	t.Helper()
	i := slices.Index(d.notes, text)
	if i < 0 {
		t.Fatalf("%q is not among %q", text, d.notes)
	}
	return i
}

func (d *diary) last(t *testing.T, text string) int {
	t.Helper()
	last := d.first(t, text)
	for i, note := range d.notes {
		if note == text {
			last = i
		}
	}
	return last
}

// noting is a tree that notes when it is looked at.
type noting struct {
	fs.FS
	d *diary
}

func (n noting) Open(name string) (fs.File, error) {
	n.d.note("host")
	return n.FS.Open(name)
}

func (n noting) ReadLink(name string) (string, error)   { return fs.ReadLink(n.FS, name) }
func (n noting) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(n.FS, name) }

func TestOrderOfAsking(t *testing.T) {
	w := worlds.Demo(t)
	var d diary
	o := options(w)
	o.Array.Wrap = rewriting(func(r *http.Request, body []byte) []byte {
		d.note("array " + listOf(r))
		return body
	})
	o.Records.Socket = between(t, w.Socket, func(r *http.Request, body []byte) []byte {
		path := strings.TrimPrefix(r.URL.Path, "/1.0")
		if path == "/operations" && slices.Contains(d.notes, "lxd "+path) {
			path += " again"
		}
		d.note("lxd " + path)
		return body
	})
	o.Host.FS = noting{o.Host.FS, &d}
	ask(t, o)

	for _, order := range []struct{ before, after string }{
		{"array /volumes", "lxd /operations"},
		{"array /volume-snapshots", "lxd /operations"},
		{"array /volumes/performance", "lxd /operations"},
		{"array /connections", "host"},
		{"lxd /operations", "lxd /storage-pools/purepool/volumes"},
		{"lxd /operations", "lxd /storage-pools/nvpool/volumes"},
		{"array /volumes", "lxd /storage-pools/purepool/volumes"},
		{"host", "array " + lookup},
		{"lxd /instances", "array " + lookup},
		{"host", "lxd /operations again"},
		{"array " + lookup, "lxd /operations again"},
	} {
		if d.last(t, order.before) > d.first(t, order.after) {
			t.Errorf("%s was asked before %s was done", order.after, order.before)
		}
	}
}

// TestAskedLastInVain: where LXD does not say at the end what it has begun, nothing
// is safe.
func TestAskedLastInVain(t *testing.T) {
	w := worlds.Demo(t)
	o := options(w)
	asked := 0
	o.Records.Socket = between(t, w.Socket, func(r *http.Request, body []byte) []byte {
		if strings.HasSuffix(r.URL.Path, "/operations") {
			if asked++; asked > 1 {
				return []byte("nothing of sense")
			}
		}
		return body
	})
	world, report := ask(t, o)
	if asked != 2 || world.LXD.Operations.IsComplete() || world.LXD.Trouble == "" || world.LXD.Hint == "" {
		t.Errorf("asked %d times: %q, %q, %q", asked, world.LXD.Operations.Why(), world.LXD.Trouble, world.LXD.Hint)
	}
	for _, f := range report.Findings {
		if f.Verdict == diagnose.Safe {
			t.Errorf("%s %s is safe", f.Code, f.Object)
		}
	}
}

// TestCreatedMeanwhile lets LXD create a volume between any two answers: old
// enough or not, it must not look like a leftover.
func TestCreatedMeanwhile(t *testing.T) {
	w := worlds.New(t, simulator.Options{})
	n := 0
	create := func() {
		n++
		name := "v" + string(rune('a'+n))
		if err := w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: name, Bytes: simulator.Small}); err != nil {
			t.Error(err)
		}
		w.Clock.Advance(48 * time.Hour)
	}
	create()
	for _, when := range []string{"/volumes", "/connections", "/1.0/operations", "/1.0/storage-pools/purepool/volumes", "/1.0/instances"} {
		var once sync.Once
		o := options(w)
		// All witnesses speak within minutes; only the volumes are old.
		now := w.Clock.Now()
		o.Now = func() time.Time { return now }
		o.Records.Now, o.Array.Now, o.Host.Now = o.Now, o.Now, o.Now
		hook := func(path string) {
			if path == when {
				once.Do(create)
			}
		}
		o.Array.Wrap = rewriting(func(r *http.Request, body []byte) []byte { hook(listOf(r)); return body })
		o.Records.Socket = between(t, w.Socket, func(r *http.Request, body []byte) []byte { hook(r.URL.Path); return body })
		_, report := ask(t, o)
		for _, f := range report.Findings {
			if strings.HasPrefix(f.Code, "leaked") {
				t.Errorf("created behind %s: %s %s is %s", when, f.Code, f.Object, f.Verdict)
			}
		}
	}
}

func logins(a *array.Array) int {
	n := 0
	for _, r := range a.Requests() {
		if r.Path == "/login" {
			n++
		}
	}
	return n
}

func TestOneArrayForPoolsWithTheSameAccess(t *testing.T) {
	w := worlds.Demo(t)
	world, _ := ask(t, options(w))
	if len(world.Arrays) != 1 || logins(w.Array) != 1 {
		t.Errorf("%d arrays and %d logins", len(world.Arrays), logins(w.Array))
	}
	pods := map[string]bool{}
	for _, v := range world.Arrays[0].Volumes.Items {
		pods[v.Pod] = true
	}
	if !pods["purepool"] || !pods["nvpool"] {
		t.Errorf("only the volumes of %v", pods)
	}
	for _, r := range w.Array.Requests() {
		if r.Path == "/logout" && r.Status == http.StatusOK {
			return
		}
	}
	t.Error("nobody logged out")
}

func TestPoolsCanBeLimited(t *testing.T) {
	w := worlds.Demo(t)
	o := options(w)
	o.Pools = []string{"nvpool", "nvpool"}
	world, _ := ask(t, o)
	for _, v := range world.Arrays[0].Volumes.Items {
		if v.Pod != "nvpool" {
			t.Errorf("volume %s was read", v.Name)
		}
	}
	var unknown *witness.UnknownPoolError
	o.Pools = []string{"nvpool", "purpool"}
	_, err := witness.Ask(context.Background(), o)
	if !errors.As(err, &unknown) || unknown.Name != "purpool" {
		t.Fatalf("an unknown pool: %v", err)
	}
	if diff := cmp.Diff([]string{"nvpool", "purepool"}, unknown.Known); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(err.Error(), `"purpool"`) || !strings.Contains(err.Error(), "nvpool, purepool") {
		t.Error(err)
	}
}

// second serves another array with a pod, and a configuration that leads to
// it, as the operator of an LXD with two arrays would write it.
func second(t *testing.T, o *witness.Options, pool string) *array.Array {
	t.Helper()
	a := array.New(array.Options{Name: "fa-two", Clock: fabric.NewClock(o.Now()), Seed: 77})
	if err := a.CreatePod(pool); err != nil {
		t.Fatal(err)
	}
	if _, err := a.CreateVolume(pool+"::u-00112233445566778899aabbccddeeff", 1<<30, array.VolumeOptions{}); err != nil {
		t.Fatal(err)
	}
	server, err := a.Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(a.Token()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Config.Pools[pool] = config.Pool{Array: config.Array{URL: server.URL, Fingerprint: server.Fingerprint, TokenFile: token}}
	return a
}

func TestTwoArrays(t *testing.T) {
	w := worlds.Demo(t)
	o := options(w)
	second(t, &o, "other")
	world, report := ask(t, o)
	if len(world.Arrays) != 2 {
		t.Fatalf("%d arrays", len(world.Arrays))
	}
	names := []string{world.Arrays[0].Name, world.Arrays[1].Name}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"fa-sim", "fa-two"}, names); diff != "" {
		t.Error(diff)
	}
	// LXD does not know that pool, so nothing in it can be judged.
	if report.Complete {
		t.Error("a pool that LXD does not list, and the report is complete")
	}
	for _, f := range report.Findings {
		if f.Pool == "other" && f.Verdict == "safe" {
			t.Errorf("%s %s is safe", f.Code, f.Object)
		}
	}
}

func TestAnArrayThatHangsStopsNobodyElse(t *testing.T) {
	w := worlds.Demo(t)
	o := options(w)
	a := second(t, &o, "other")
	a.Inject(array.Fault{Path: "/login", Kind: array.Delay})
	o.Array.Timeout = 500 * time.Millisecond // the other one answers sooner on any machine
	world, report := ask(t, o)
	for _, said := range world.Arrays {
		switch said.Name {
		case "fa-sim":
			if said.Trouble != "" || len(said.Volumes.Items) == 0 {
				t.Errorf("the array that answers has trouble: %s", said.Trouble)
			}
		default:
			if said.Trouble == "" || said.Hint == "" {
				t.Errorf("the array that hangs: %q, hint %q", said.Trouble, said.Hint)
			}
		}
	}
	if len(world.Hosts[0].Maps.Items) == 0 || len(world.LXD.Records.Items) == 0 || report.Complete {
		t.Errorf("%d maps, %d records, complete %v", len(world.Hosts[0].Maps.Items), len(world.LXD.Records.Items), report.Complete)
	}
}

func TestConfigurationWins(t *testing.T) {
	w := worlds.Demo(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := file("ca.pem", string(w.Server.CertPEM))
	good, bad := file("token", w.Array.Token()), file("wrong", "00000000-0000-0000-0000-000000000000")
	credential := file("pure-api-token-purepool", w.Array.Token())
	print := w.Server.Fingerprint
	for name, c := range map[string]struct {
		array   config.Array
		env     map[string]string
		trouble string
	}{
		"a fingerprint": {array: config.Array{Fingerprint: print}},
		"a CA":          {array: config.Array{CAFile: ca}},
		"an address":    {array: config.Array{URL: w.Server.URL, Fingerprint: print}},
		"a token file":  {array: config.Array{Fingerprint: print, TokenFile: good}},
		// The world's LXD was told not to verify.
		"nothing":                     {},
		"another address":             {array: config.Array{URL: "https://127.0.0.1:1", Fingerprint: print}, trouble: "refused"},
		"another fingerprint":         {array: config.Array{Fingerprint: "sha256:" + strings.Repeat("ab", 32)}, trouble: "another certificate"},
		"another CA":                  {array: config.Array{CAFile: file("other.pem", string(otherCA(t)))}, trouble: "certificate"},
		"a CA that is not there":      {array: config.Array{CAFile: filepath.Join(dir, "absent")}, trouble: "no such file"},
		"a token that is wrong":       {array: config.Array{Fingerprint: print, TokenFile: bad}, trouble: "token"},
		"a token that is not there":   {array: config.Array{Fingerprint: print, TokenFile: filepath.Join(dir, "absent")}, trouble: "API token"},
		"a token named by a variable": {array: config.Array{Fingerprint: print}, env: map[string]string{config.TokenFileVariable: good}},
		"a wrong one":                 {array: config.Array{Fingerprint: print}, env: map[string]string{config.TokenFileVariable: bad}, trouble: "token"},
		"a credential":                {array: config.Array{Fingerprint: print}, env: map[string]string{"CREDENTIALS_DIRECTORY": filepath.Dir(credential), config.TokenFileVariable: bad}},
	} {
		o := options(w)
		o.Pools = []string{"purepool"}
		o.Config.Pools["purepool"] = config.Pool{Array: c.array}
		o.Getenv = func(key string) string { return c.env[key] }
		world, report := ask(t, o)
		got := world.Arrays[0].Trouble
		if (c.trouble == "") != (got == "") || !strings.Contains(strings.ToLower(got), strings.ToLower(c.trouble)) {
			t.Errorf("%s: trouble %q, want %q", name, got, c.trouble)
		}
		if c.trouble != "" && (report.Complete || len(safe(report)) > 0) {
			t.Errorf("%s: complete %v, safe %v", name, report.Complete, safe(report))
		}
		if strings.Contains(got+world.Arrays[0].Hint, w.Array.Token()) {
			t.Errorf("%s: the token is shown", name)
		}
	}
}

// TestCertificatesAreVerified unless LXD was told not to.
func TestCertificatesAreVerified(t *testing.T) {
	w := worlds.New(t, simulator.Options{})
	if err := w.LXD.SetPoolConfig(w.Pool(), "pure.gateway.verify", "true"); err != nil {
		t.Fatal(err)
	}
	o := options(w)
	o.Config.Pools = nil
	world, _ := ask(t, o)
	a := world.Arrays[0]
	if !strings.Contains(a.Trouble, "certificate") || !strings.Contains(a.Hint, "ca_file") || !strings.Contains(a.Hint, w.Server.Fingerprint) {
		t.Errorf("trouble %q, hint %q", a.Trouble, a.Hint)
	}
	if logins(w.Array) > 1 { // the world's own LXD logged in once
		t.Error("somebody logged in")
	}
}

// otherCA is a certificate that signed nothing here.
func otherCA(t *testing.T) []byte {
	t.Helper()
	server, err := array.New(array.Options{Name: "fa-three"}).Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if block, _ := pem.Decode(server.CertPEM); block == nil {
		t.Fatal("no certificate")
	}
	return server.CertPEM
}

// TestNoAccess: LXD hides the pool's configuration and no other one says how
// to reach the array.
func TestNoAccess(t *testing.T) {
	w := worlds.Demo(t)
	w.API.Inject(lxd.Fault{Kind: lxd.NotAdmin})
	defer w.API.Heal()
	o := options(w)
	world, report := ask(t, o)
	for _, a := range world.Arrays {
		if !strings.Contains(a.Trouble, "does not show its array's address and token") || !strings.Contains(a.Hint, "group lxd") {
			t.Errorf("%q, hint %q", a.Trouble, a.Hint)
		}
	}
	if report.Complete || len(world.Hosts[0].Maps.Items) == 0 {
		t.Errorf("complete %v, %d maps", report.Complete, len(world.Hosts[0].Maps.Items))
	}
	// A token alone does not say where to go.
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(w.Array.Token()), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Getenv = func(key string) string {
		return map[string]string{config.TokenFileVariable: token}[key]
	}
	world, _ = ask(t, o)
	for _, a := range world.Arrays {
		if !strings.Contains(a.Trouble, "does not show its array's address and token") {
			t.Errorf("%q, hint %q", a.Trouble, a.Hint)
		}
	}
}

func TestHostIsNamedAfterLXDsServer(t *testing.T) {
	w := worlds.Demo(t)
	o := options(w)
	o.Host.Hostname = "another-name.example"
	world, report := ask(t, o)
	if got := world.Hosts[0].Name; got != "lxd01" {
		t.Errorf("the host is called %s", got)
	}
	if !report.Complete {
		t.Error(report.Doubts)
	}
	o.Records.Socket = filepath.Join(t.TempDir(), "absent")
	world, _ = ask(t, o)
	if got := world.Hosts[0].Name; got != "another-name.example" {
		t.Errorf("without LXD the host is called %s", got)
	}
	if world.LXD.Trouble == "" || world.LXD.Hint == "" || len(world.Hosts[0].Maps.Items) == 0 {
		t.Errorf("trouble %q, hint %q, %d maps", world.LXD.Trouble, world.LXD.Hint, len(world.Hosts[0].Maps.Items))
	}
}

func TestOnlyUnknownSerialsAreLookedUp(t *testing.T) {
	asked := func(w *simulator.World) (filters []string) {
		for _, r := range w.Array.Requests() {
			if filter := r.Query.Get("filter"); strings.Contains(filter, "serial") {
				filters = append(filters, filter)
			}
		}
		return filters
	}
	healthy, err := simulator.Healthy(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(healthy.Close)
	healthy.Array.ResetRequests()
	ask(t, options(healthy))
	if filters := asked(healthy); len(filters) > 0 {
		t.Errorf("in a healthy world it was asked for %v", filters)
	}

	w := worlds.Demo(t)
	world, _ := ask(t, options(w))
	filters := asked(w)
	if len(filters) != 1 {
		t.Fatalf("%d lookups", len(filters))
	}
	known := 0
	for _, v := range world.Arrays[0].Volumes.Items {
		if strings.Contains(filters[0], string(v.Serial)) {
			known++
		}
	}
	// Two that exist are asked for along with the others, to see that the
	// filter works.
	if got := strings.Count(filters[0], "serial="); known != 2 || got != known+len(world.Arrays[0].Lookups) || got < 3 {
		t.Errorf("asked for %d serials, %d of them known, %d answers", got, known, len(world.Arrays[0].Lookups))
	}
}

func TestLogsOutAfterCancellation(t *testing.T) {
	for _, when := range []string{"/arrays", "/volumes", lookup} {
		w := worlds.Demo(t)
		ctx, cancel := context.WithCancel(context.Background())
		o := options(w)
		o.Array.Wrap = rewriting(func(r *http.Request, body []byte) []byte {
			if listOf(r) == when {
				cancel()
			}
			return body
		})
		_, report := askIn(ctx, t, o)
		cancel()
		out := slices.ContainsFunc(w.Array.Requests(), func(r array.Request) bool {
			return r.Path == "/logout" && r.Status == http.StatusOK
		})
		if !out {
			t.Errorf("cancelled at %s: nobody logged out", when)
		}
		if len(safe(report)) > 0 && when != lookup {
			t.Errorf("cancelled at %s: safe %v", when, safe(report))
		}
	}
}

func TestFailedLookupIsTold(t *testing.T) {
	w := worlds.Demo(t)
	undo := w.Array.Inject(array.Fault{Path: "/volumes", Kind: array.ServerError, Skip: 1})
	defer undo()
	world, report := ask(t, options(w))
	if !strings.Contains(world.Arrays[0].Trouble, "could not be asked for") || report.Complete {
		t.Errorf("trouble %q, complete %v", world.Arrays[0].Trouble, report.Complete)
	}
}

// TestListsThatContradictEachOther: each list is complete by its own count.
func TestListsThatContradictEachOther(t *testing.T) {
	w := worlds.Demo(t)
	for list, why := range map[string]string{
		"/volumes":     "lists a connection of",
		"/hosts":       "lists a connection to",
		"/connections": "and lists none",
	} {
		undo := w.Array.Inject(array.Fault{Path: list, Kind: array.Lie})
		world, report := ask(t, options(w))
		undo()
		a := world.Arrays[0]
		got := map[string]string{"/volumes": a.Volumes.Why(), "/hosts": a.Hosts.Why(), "/connections": a.Connections.Why()}[list]
		if !strings.Contains(got, why) || report.Complete {
			t.Errorf("%s: %q, complete %v", list, got, report.Complete)
		}
	}
	world, _ := ask(t, options(w))
	for _, list := range []evidence.Answer{
		evidence.AnswerOf(world.Arrays[0].Volumes.IsComplete()),
		evidence.AnswerOf(world.Arrays[0].Hosts.IsComplete()),
		evidence.AnswerOf(world.Arrays[0].Connections.IsComplete()),
	} {
		if !list.Is() {
			t.Error("an honest list is doubted")
		}
	}
}

// TestAnswersEitherWay: what a look says does not rest on one side of what an
// array's documentation leaves open, but for the audit trail, of which package
// pure's TestTrails has both sides. A page holds three rows here.
func TestAnswersEitherWay(t *testing.T) {
	seen := func(u array.Unverified) evidence.Array {
		s, found := simulator.Find("device-never-iscsi")
		if !found {
			t.Fatal("no such scenario")
		}
		s.Options.Unverified, s.Options.PageSize = u, 3
		world, err := witness.Ask(t.Context(), options(worlds.Built(t, s)))
		if err != nil {
			t.Fatal(err)
		}
		seen := world.Arrays[0]
		seen.Gateway, seen.TLS = "", evidence.TLS{} // each server has its own
		return seen
	}
	want := seen(array.Unverified{})
	for name, u := range map[string]array.Unverified{
		"a page without a token":  {WithoutLimit: array.PageWithoutToken},
		"everything at once":      {WithoutLimit: array.Everything},
		"unknown names skipped":   {SkipUnknownNames: true},
		"the last filter counts":  {LastFilterOnly: true},
		"parameters ignored":      {AcceptUnknownParameters: true},
		"sessions end absolutely": {AbsoluteSession: true},
	} {
		if diff := cmp.Diff(want, seen(u), cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestPoolThatIsSpelledOtherwise: what the configuration says of it is in force
// nowhere, so the array is not read. Others' pools are no such doubt.
func TestPoolThatIsSpelledOtherwise(t *testing.T) {
	w := worlds.Of(t, "healthy-iscsi")
	for _, c := range []struct {
		names []string
		read  bool
	}{
		{[]string{"purepool"}, true},
		{nil, true},
		{[]string{"purepol"}, false},
		{[]string{"PurePool"}, false},
		{[]string{"purepool", "PurePool"}, false},
		{[]string{"purepool", "another-clusters"}, true},
	} {
		o := options(w)
		own := o.Config.Pools["purepool"]
		o.Config.Pools = map[string]config.Pool{}
		for _, name := range c.names {
			o.Config.Pools[name] = own
		}
		world, err := witness.Ask(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(world.Arrays, func(a evidence.Array) bool { return strings.Contains(a.Trouble, "speaks of pool") })
		if (i < 0) != c.read {
			t.Errorf("%q: %+v", c.names, world.Arrays)
		}
	}
}
