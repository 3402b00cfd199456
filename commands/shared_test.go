package commands

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/host"
)

// manyLeaks is a cluster of three members and so many leaked volumes, each
// connected to the two others and with its devices there, which a batch takes.
func manyLeaks(t *testing.T, leaks int) (*cluster, []array.Volume) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	world := worlds.New(t, simulator.Options{Members: 3})
	for i, m := range world.LXD.Members() {
		must(m.Launch(container(world, fmt.Sprintf("web%d", i+1))))
	}
	var all []array.Volume
	for n := range leaks {
		v, err := world.Array.CreateVolume(fmt.Sprintf("%s::u-%032x", world.Pool(), 0xfeed00+n), simulator.Small, array.VolumeOptions{LXD: true})
		must(err)
		for _, h := range world.Array.Hosts() {
			if !strings.HasPrefix(h.Name, "lxd01") {
				must(world.Array.Connect(h.Name, v.Name, 0))
			}
		}
		all = append(all, v)
	}
	for _, h := range world.Hosts {
		h.Rescan()
	}
	world.Age(48 * time.Hour)
	c := newCluster(t, world)
	c.settings.Safety.MaxShare = 1
	c.settings.Safety.BatchMinAge = config.Duration(time.Hour)
	c.run("", "check")
	world.Age(2 * time.Hour)
	return c, all
}

// asked are the steps that were asked of a machine, with how many volumes each
// was for.
func (m *member) asked() []string {
	var all []string
	for _, args := range m.called() {
		if i := slices.Index(args, "--step"); i >= 0 && args[i+1] != "detached" {
			n := 0
			for _, word := range args {
				if word == "--remove" {
					n++
				}
			}
			all = append(all, fmt.Sprintf("%s %d", args[i+1], n))
		}
	}
	return all
}

// really is what pureclean does there.
func (m *member) really(args []string, s Streams) int {
	return Main(context.Background(), append([]string{"pureclean"}, args...), s)
}

// gone holds that each of the volumes is destroyed, and nothing of it left.
func (c *cluster) gone(all []array.Volume) {
	c.t.Helper()
	for _, v := range all {
		if now, ok := c.world.Array.Volume(v.Name); !ok || !now.Destroyed {
			c.t.Errorf("%s was not destroyed", v.Name)
		}
		for _, h := range c.world.Hosts {
			if left := h.DevicesOf(v.Serial); len(left) > 0 {
				c.t.Errorf("%s has %v of %s", h.Name(), left, v.Name)
			}
		}
	}
}

// TestOneSSHForAStep: a step for all volumes of a wave is one ssh to each member,
// as long as that member understands it and sudo there allows it. Else it is one for
// each volume, and all of them are repaired as well.
func TestOneSSHForAStep(t *testing.T) {
	t.Parallel()
	one := slices.Repeat([]string{"release 1"}, 4)
	cleared := slices.Repeat([]string{"clear 1"}, 4)
	for _, c := range []struct {
		name   string
		member func(m *member) func(args []string, s Streams) int
		want   []string
	}{
		{"it understands", nil, []string{"release 1", "clear 1", "release 4", "clear 4"}},
		{"it is older", func(m *member) func(args []string, s Streams) int {
			return func(args []string, s Streams) int {
				if slices.Contains(args, "--step") {
					if slices.Index(args[2:], "--remove") >= 0 {
						m.t.Errorf("it is asked %v", args)
					}
					in := bufio.NewReader(s.In)
					ask, _ := in.ReadString('\n')
					if !strings.Contains(ask, `"conversation":1,`) || strings.Contains(ask, `"more"`) {
						m.t.Errorf("it is asked %s", ask)
					}
					s.In = io.MultiReader(strings.NewReader(ask), in)
					return m.really(args, s)
				}
				out, to := &bytes.Buffer{}, s.Out
				s.Out = out
				status := m.really(args, s)
				fmt.Fprint(to, strings.Replace(out.String(), `"conversation": 2`, `"conversation": 1`, 1))
				return status
			}
		}, slices.Concat([]string{"release 1", "clear 1"}, one, cleared)},
		{"sudo allows one", func(m *member) func(args []string, s Streams) int {
			return func(args []string, s Streams) int {
				if slices.Contains(args, "--step") && slices.Index(args[2:], "--remove") >= 0 {
					fmt.Fprintln(s.Err, "sudo: a password is required")
					return 1
				}
				return m.really(args, s)
			}
		}, slices.Concat([]string{"release 1", "clear 1", "release 4"}, one, cleared)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k, all := manyLeaks(t, 5)
			live := liveVolumes(k.world)
			if c.member != nil {
				k.members["lxd02"].says(c.member(k.members["lxd02"]))
			}
			status, out, errs := k.run("", "fix", "--finding", "leaked-volume", "--yes")
			if status != StatusOK {
				t.Errorf("status %d\n%s%s", status, out, errs)
			}
			k.gone(all)
			k.noHarm(live)
			if got := k.members["lxd02"].asked(); !slices.Equal(got, c.want) {
				t.Errorf("lxd02 was asked %v\nwant %v", got, c.want)
			}
			if got := k.members["lxd03"].asked(); !slices.Equal(got, []string{"release 1", "clear 1", "release 4", "clear 4"}) {
				t.Errorf("lxd03 was asked %v", got)
			}
			// Each has a journal of its own, in which its own devices are.
			for _, v := range all {
				if n := strings.Count(k.journal(), `"do":"offline"`); n != 5*2*2*2 || !strings.Contains(k.journal(), `"serial":"`+v.Serial+`"`) {
					t.Errorf("%s: %d writes", v.Name, n)
				}
			}
		})
	}
}

// cut is a conversation that ends after so many lines of one side.
type cut struct {
	lines int
	in    *bufio.Reader
	rest  []byte
	ended bool
}

func (c *cut) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if c.lines--; c.lines < 0 {
			c.ended = true
			return 0, io.EOF
		}
		line, err := c.in.ReadBytes('\n')
		if len(line) == 0 {
			return 0, err
		}
		c.rest = line
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// TestSharedSSHBreaks: an ssh for several volumes breaks wherever it is. None of
// them is done, all are as they were or with a run that is resumed, and nothing that
// lives is touched.
func TestSharedSSHBreaks(t *testing.T) {
	t.Parallel()
	cuts := map[string][]int{"release": {2, 12}, "clear": {7}}
	if os.Getenv("PURECLEAN_LONG") != "" {
		cuts = map[string][]int{"release": {1, 2, 7, 12}, "clear": {1, 2, 7, 12}}
	}
	for step, lines := range cuts {
		for _, at := range lines {
			t.Run(fmt.Sprint(step, " ", at), func(t *testing.T) {
				t.Parallel()
				k, all := manyLeaks(t, 4)
				live := liveVolumes(k.world)
				m := k.members["lxd02"]
				var broken *cut
				m.says(func(args []string, s Streams) int {
					if broken != nil || !slices.Contains(args, step) || slices.Index(args[2:], "--remove") < 0 {
						return m.really(args, s)
					}
					broken = &cut{lines: at, in: bufio.NewReader(s.In)}
					s.In = broken
					m.really(args, s)
					return 255
				})
				status, out, errs := k.run("", "fix", "--finding", "leaked-volume", "--yes")
				if broken == nil || !broken.ended {
					t.Fatal("it does not say so much")
				}
				if status != StatusTrouble {
					t.Errorf("status %d\n%s%s", status, out, errs)
				}
				k.noHarm(live)
				for _, v := range all[1:] {
					if now, ok := k.world.Array.Volume(v.Name); !ok || now.Destroyed {
						t.Errorf("%s was destroyed", v.Name)
					}
					if step != "release" {
						continue
					}
					if n := connections(k.world, v.Name); n != 2 {
						t.Errorf("%s has %d connections", v.Name, n)
					}
					for _, h := range k.world.Hosts[1:] {
						for _, d := range devices.Observe(t.Context(), h.System()).Disks.Items {
							if d.Serial == evidence.Serial(v.Serial) && d.State != "running" {
								t.Errorf("%s is %s on %s", d.Name, d.State, h.Name())
							}
						}
					}
				}
				for range all {
					if id := k.interrupted(); id != "" {
						if status, out, errs := k.run("", "runs", "--resume", id, "--yes"); status != StatusOK {
							t.Errorf("resumed: status %d\n%s%s", status, out, errs)
						}
					}
				}
				if status, out, errs := k.run("", "fix", "--finding", "leaked-volume", "--yes"); status != StatusOK {
					t.Errorf("again: status %d\n%s%s", status, out, errs)
				}
				k.gone(all)
				k.noHarm(live)
			})
		}
	}
}

// TestOneOfSeveralIsInUse: what comes into use on one machine while a step is done
// for several there stays, and the others go.
func TestOneOfSeveralIsInUse(t *testing.T) {
	t.Parallel()
	k, all := manyLeaks(t, 4)
	live := liveVolumes(k.world)
	m, mounted := k.members["lxd03"], all[2]
	m.says(func(args []string, s Streams) int {
		if slices.Contains(args, "release") && slices.Contains(args, mounted.Serial) {
			if err := k.world.Hosts[2].Mount(mounted.Serial, "/mnt", host.FirstNamespace); err != nil {
				t.Error(err)
			}
		}
		return m.really(args, s)
	})
	status, out, errs := k.run("", "fix", "--finding", "leaked-volume", "--yes")
	if status != StatusFindings && status != StatusRefused {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	k.gone(slices.Concat(all[:2], all[3:]))
	if v, _ := k.world.Array.Volume(mounted.Name); v.Destroyed || connections(k.world, mounted.Name) != 2 {
		t.Error("what is mounted was touched")
	}
	k.noHarm(live)
}
