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
	// Options say which world it needs.
	Options Options
	// Run lets it happen. An error is a failure of the scenario itself, not
	// of LXD.
	Run func(*World) error
}

// Build builds the scenario's world and lets it happen.
func (s Scenario) Build() (*World, error) {
	w, err := New(s.Options)
	if err != nil {
		return nil, err
	}
	if err := s.Run(w); err != nil {
		w.Close()
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	if len(w.story) == 0 {
		w.tell("%s", s.Story)
	}
	return w, nil
}

// Past builds the scenario's world as it is at now, when everything happened
// that long ago.
func (s Scenario) Past(now time.Time, ago time.Duration) (*World, error) {
	// How long it takes in the world is known when it has happened once.
	tried, err := s.Build()
	if err != nil {
		return nil, err
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

// Find returns the scenario with this name.
func Find(name string) (Scenario, bool) {
	all := Scenarios()
	i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return all[i], true
}

// The options that scenarios share.
var (
	iscsi = []string{evidence.ModeISCSI}
	nvme  = []string{evidence.ModeNVMeTCP}
)

// old enough for a volume, and for an image, to be judged.
const (
	hours = 3 * time.Hour
	days  = 30 * time.Hour
)

// Scenarios lists all scenarios.
func Scenarios() []Scenario {
	var all []Scenario
	all = append(all, healthyScenarios()...)
	all = append(all, volumeScenarios()...)
	all = append(all, snapshotScenarios()...)
	all = append(all, hostScenarios()...)
	all = append(all, recordScenarios()...)
	all = append(all, arrayScenarios()...)
	all = append(all, stretchedScenarios()...)
	return append(all, clusterScenarios()...)
}

// onBoth makes a scenario of each transport; codes may differ.
func onBoth(name, story string, o Options, run func(*World) error, onISCSI, onNVMe []string) []Scenario {
	i, n := o, o
	i.Transports, n.Transports = iscsi, nvme
	return []Scenario{
		{Name: name + "-iscsi", Codes: onISCSI, Story: story, Options: i, Run: run},
		{Name: name + "-nvme", Codes: onNVMe, Story: story, Options: n, Run: run},
	}
}

// mustFail turns a success into an error: a scenario in which LXD does not
// fail after all has no leak to show.
func mustFail(err error, doing string) error {
	if err == nil {
		return fmt.Errorf("%s was to fail, and succeeded", doing)
	}
	return nil
}

// mustBeKilled accepts only the end that a cut makes.
func mustBeKilled(err error, doing string) error {
	if !errors.Is(err, lxd.ErrKilled) {
		return fmt.Errorf("LXD was to be killed while %s: %w", doing, err)
	}
	return nil
}

// all runs steps until one fails.
func all(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// volume is a small custom filesystem in the world's first pool.
func (w *World) volume(name string) lxd.VolumeSpec {
	return lxd.VolumeSpec{Pool: w.Pool(), Name: name, Bytes: Small}
}

func (w *World) container(name string) lxd.InstanceSpec {
	return lxd.InstanceSpec{Name: name, Pool: w.Pool(), Image: Image}
}

// unavailable lets the array answer 503 to what fits, until heal is called.
func (w *World) unavailable(method, path string) (heal func()) {
	return w.Array.Inject(array.Fault{Method: method, Path: path, Kind: array.ServerError})
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
