package simulator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// Scenario is one way in which something goes wrong.
type Scenario struct {
	// Name is unique and tells the transport when it matters.
	Name string
	// Codes are those of the findings that must be found in its world, each
	// at least once, and no others.
	Codes []string
	// Story is what happens, in one line.
	Story string
	// Since is for how long it is over when something looks.
	Since time.Duration
	// Fades is for how long it can be seen afterwards: then the kernel, or the
	// array, has let go of what is to be found. Zero is for ever.
	Fades   time.Duration
	Options Options
	Run     func(*World)
}

func (s Scenario) Build() (*World, error) {
	w, err := New(s.Options)
	if err != nil {
		return nil, err
	}
	if err := s.In(w); err != nil {
		w.Close()
		return nil, err
	}
	if len(w.story) == 0 {
		w.tell("%s", s.Story)
	}
	return w, nil
}

func (s Scenario) In(w *World) error {
	s.Run(w)
	w.Age(s.Since)
	if w.failed != nil {
		return fmt.Errorf("scenario %s: %w", s.Name, w.failed)
	}
	return nil
}

// Past builds the scenario's world as it is at now, when everything happened
// that long ago, or as long ago as it can still be seen.
func (s Scenario) Past(now time.Time, ago time.Duration) (*World, error) {
	// How long it takes in the world is known when it has happened once.
	tried, err := s.Build()
	if err != nil {
		return nil, err
	}
	if s.Fades > 0 {
		ago = min(ago, s.Fades)
	}
	took := tried.Clock.Now().Sub(tried.options.Start)
	tried.Close()
	s.Options.Start = now.Add(-took - ago).UTC().Truncate(time.Second)
	w, err := s.Build()
	if err != nil {
		return nil, err
	}
	w.Age(ago)
	return w, nil
}

func Find(name string) (Scenario, bool) {
	all := Scenarios()
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return all[i], true
}

var (
	iscsi = []string{evidence.ModeISCSI}
	nvme  = []string{evidence.ModeNVMeTCP}
)

// How long the kernel keeps a controller that it can't reach is ten minutes, and
// what was destroyed is kept for a day.
const (
	untilLost       = 5 * time.Minute
	untilEradicated = 12 * time.Hour
)

// old enough for a volume, and for an image, to be judged.
const (
	hours = 3 * time.Hour
	days  = 30 * time.Hour
)

func Scenarios() []Scenario {
	return slices.Concat(healthyScenarios(), volumeScenarios(), snapshotScenarios(), hostScenarios(),
		recordScenarios(), arrayScenarios(), stretchedScenarios(), clusterScenarios())
}

// only is one scenario, some hours ago, onBoth one of each transport, aged what is
// over for another time, and fading what can be seen for some time alone.
func only(name, story string, o Options, run func(*World), codes ...string) []Scenario {
	return []Scenario{{Name: name, Codes: codes, Story: story, Since: hours, Options: o, Run: run}}
}

func onBoth(name, story string, o Options, run func(*World), codes ...string) []Scenario {
	i, n := o, o
	i.Transports, n.Transports = iscsi, nvme
	return append(only(name+"-iscsi", story, i, run, codes...), only(name+"-nvme", story, n, run, codes...)...)
}

func aged(since time.Duration, all []Scenario) []Scenario {
	for i := range all {
		all[i].Since = since
	}
	return all
}

func fading(after time.Duration, all []Scenario) []Scenario {
	all[0].Fades = after
	return all
}

// check notes what went otherwise than a scenario wants it: the first of these
// is why the scenario, and not LXD, has failed. What comes after it is played to
// the end, and nobody looks at it.
func (w *World) check(err error) {
	if w.failed == nil {
		w.failed = err
	}
}

// mustFail takes a success for an error: a scenario in which LXD does not fail
// after all has no leak to show.
func (w *World) mustFail(err error, doing string) {
	if err == nil {
		w.check(fmt.Errorf("%s was to fail, and succeeded", doing))
	}
}

// mustBeKilled accepts only the end that a cut makes.
func (w *World) mustBeKilled(err error, doing string) {
	if !errors.Is(err, lxd.ErrKilled) {
		w.check(fmt.Errorf("LXD was to be killed while %s: %w", doing, err))
	}
}

// create makes small volumes, and createFails is when LXD can't.
func (w *World) create(names ...string) {
	for _, name := range names {
		w.check(w.LXD.CreateVolume(w.volume(name)))
	}
}

func (w *World) createFails(name string) {
	w.mustFail(w.LXD.CreateVolume(w.volume(name)), "creating "+name)
}

// createIsKilled is when LXD is killed in front of a step of it, and started
// again; killedBehind when it is killed behind a step of any flow.
func (w *World) createIsKilled(v lxd.VolumeSpec, method, part string) {
	w.LXD.CutBefore(method, part)
	w.mustBeKilled(w.LXD.CreateVolume(v), "creating "+v.Name)
	w.LXD.StartDaemon()
}

func (w *World) killedBehind(method, part string, flow func() error, doing string) {
	w.LXD.CutBehind(method, part)
	w.mustBeKilled(flow(), doing)
	w.LXD.StartDaemon()
}

// undoFails is createFails when LXD can't destroy what it made, either.
func (w *World) undoFails(name string) {
	w.unavailable("DELETE", "", func() {
		w.unavailable("PATCH", "", func() { w.createFails(name) })
	})
}

// halves are the array's names of a recorded volume: two of a virtual machine.
func (w *World) halves(pool, kind, name string) []string {
	names, err := w.arrayNames(pool, kind, name)
	w.check(err)
	return names
}

func (w *World) named(pool, kind, name string) string { return w.halves(pool, kind, name)[0] }

// data is the array's name of the custom volume that most scenarios are about.
func (w *World) data() string { return w.named(w.Pool(), evidence.TypeCustom, "data") }

func (w *World) other(server, attach string) *lxd.Server {
	l, err := w.AddOther(server, attach)
	w.check(err)
	return l
}

// disconnect takes all connections of a recorded volume away on the array.
func (w *World) disconnect(pool, kind, name string) {
	w.cut(w.named(pool, kind, name))
}

func (w *World) cut(volume string) {
	for _, c := range w.Array.Connections() {
		if c.Volume == volume {
			w.check(w.Array.Disconnect(c.Host, volume))
		}
	}
}

// volume is a small custom filesystem in the world's first pool.
func (w *World) volume(name string) lxd.VolumeSpec {
	return lxd.VolumeSpec{Pool: w.Pool(), Name: name, Bytes: Small}
}

func (w *World) container(name string) lxd.InstanceSpec {
	return lxd.InstanceSpec{Name: name, Pool: w.Pool(), Image: Image}
}

func (w *World) vm(name string) lxd.InstanceSpec {
	return lxd.InstanceSpec{Name: name, Pool: w.Pool(), Type: evidence.TypeVM}
}

// attachData gives the container of somethingRuns that volume.
func (w *World) attachData() {
	w.check(w.LXD.AttachVolume("", "web1", "data", w.Pool(), "data", "/srv"))
}

// noDevices keeps new devices from appearing on the first machine while do runs.
func (w *World) noDevices(do func()) {
	w.Hosts[0].NeverAppear(func(string) bool { return true })
	do()
	w.Hosts[0].NeverAppear(nil)
}

// mkfsFailed is what mkfs says of a device that it can't write to.
const mkfsFailed = "mkfs.ext4: Input/output error while writing out and closing file system"

// stepFails lets LXD's steps of that kind fail, until calm.
func (w *World) stepFails(step, says string) {
	w.LXD.SetBeforeCall(func(method, path string) error {
		if method == lxd.StepHost && strings.HasPrefix(path, step+" ") {
			return errors.New(says)
		}
		return nil
	})
}

// forgetHalf has LXD fail between the two volumes of a virtual machine that it
// deletes, and forget the second in its next attempt.
func (w *World) forgetHalf(pool, name string) {
	for _, half := range w.halves(pool, evidence.TypeVM, name)[1:] {
		w.Array.Inject(array.Fault{Method: "PATCH", Path: "/volumes", Query: map[string]string{"names": half}, Kind: array.ServerError, Times: 1})
	}
	w.mustFail(w.LXD.DeleteInstance("", name), "deleting "+name)
	w.check(w.LXD.DeleteInstance("", name))
}

// unavailable lets the array answer 503 to what fits while do runs.
func (w *World) unavailable(method, path string, do func()) {
	defer w.Array.Inject(array.Fault{Method: method, Path: path, Kind: array.ServerError})()
	do()
}

// unmapFails lets the array answer 503 to questions for hosts while do runs, from
// when LXD unmounts something, and ends in calm.
func (w *World) unmapFails(do func()) {
	available := func() { w.check(errors.New("LXD never came to unmount")) }
	w.when(lxd.StepHost, "unmount", func() {
		available = w.Array.Inject(array.Fault{Method: "GET", Path: "/hosts", Kind: array.ServerError})
	})
	do()
	available()
	w.calm()
}

// loseReply lets the next POST of that path be carried out, and its answer get
// lost.
func (w *World) loseReply(path string) {
	w.Array.Inject(array.Fault{Method: "POST", Path: path, Kind: array.LoseReply, Times: 1})
}

// when runs do in front of the first step of LXD that fits, once.
func (w *World) when(method, part string, do func()) {
	done := false
	w.LXD.SetBeforeCall(func(m, path string) error {
		if !done && m == method && strings.Contains(path, part) {
			done = true
			do()
		}
		return nil
	})
}

// calm ends what scenarios do to LXD and the machines.
func (w *World) calm() {
	w.LXD.NoCut()
	w.LXD.SetBeforeCall(nil)
	for _, h := range w.Hosts {
		h.NeverAppear(nil)
		h.Rescan()
	}
}

// unrecorded are the live volumes of LXD's naming without a record.
func (w *World) unrecorded() []array.Volume {
	var found []array.Volume
	for _, v := range w.Array.Volumes() {
		if lxdNamed(v.Name) && !v.Destroyed && !recorded(w.LXD, v.Name) {
			found = append(found, v)
		}
	}
	return found
}
