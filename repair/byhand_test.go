package repair

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// shellBy runs commands as a person would who pastes them, with programs that
// write down how they were called and a /sys of the test's own. lsblk prints
// the devices that a host has.
type shellBy struct {
	t    *testing.T
	root string
}

func newShell(t *testing.T, world evidence.World) *shellBy {
	t.Helper()
	s := &shellBy{t, t.TempDir()}
	var devices strings.Builder
	for _, h := range world.Hosts {
		for _, d := range h.Disks.Items {
			// lsblk prints of a SCSI disk the WWN of its NAA identifier.
			fmt.Fprintf(&devices, "%s 0x%s\n", d.Name, strings.TrimPrefix(d.Serial.NAA(), "naa."))
			dir := filepath.Join(s.root, "sys/block", d.Name, "device")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		for _, n := range h.Namespaces.Items {
			fmt.Fprintf(&devices, "%s %s\n", n.Name, n.Serial.EUI())
		}
	}
	s.write("devices", devices.String())
	s.write("lsblk", "#!/bin/sh\ncat "+s.root+"/devices\n")
	for _, name := range []string{"purevol", "purehost", "multipath", "multipathd", "nvme", "pureclean"} {
		s.write(name, "#!/bin/sh\necho \"${0##*/} $*\" >> "+s.root+"/calls\n")
	}
	return s
}

func (s *shellBy) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.root, name), []byte(text), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

// run returns what a command prints, what it called, and whether it succeeded.
func (s *shellBy) run(command string) (out, calls string, ok bool) {
	s.t.Helper()
	_ = os.Remove(filepath.Join(s.root, "calls"))
	command = strings.ReplaceAll(command, "/sys/", s.root+"/sys/")
	cmd := exec.Command("sh", "-c", command)
	cmd.Env = []string{"PATH=" + s.root + ":" + os.Getenv("PATH")}
	text, err := cmd.Output()
	called, _ := os.ReadFile(filepath.Join(s.root, "calls"))
	return string(text), strings.TrimSpace(string(called)), err == nil
}

// Each command that is shown as what a person would do is run, and does, or
// answers, what the step says: before the repair and after it.
func TestByHand(t *testing.T) {
	seen := map[string]bool{}
	for scenario, code := range map[string]string{
		"unmap-refused-iscsi": "leaked-volume", "device-too-late-iscsi": "leaked-volume", "device-too-late-nvme": "leaked-volume",
		"map-left": "stale-map", "snapshot-reply-lost": "leaked-snapshot", "host-not-deleted-iscsi": "idle-host",
		"waiting-reader": "waiting-io",
	} {
		k := newKit(t, scenario)
		if !slices.Contains(k.codes(), code) {
			t.Errorf("%s has no %s: %v", scenario, code, k.codes())
			continue
		}
		plan := k.plan(code)
		before, err := k.look(context.Background(), evidence.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		s := newShell(t, before)
		for _, step := range plan.Steps {
			seen[step.Kind] = true
			for _, command := range step.Manual {
				byHand(t, s, plan, step, command)
			}
		}
		tools := k.tools()
		tools.Typed = plan.Object
		if _, err := tools.Run(context.Background(), plan); err != nil {
			t.Fatal(scenario, err)
		}
		after, err := k.look(context.Background(), evidence.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		s = newShell(t, after)
		for _, step := range plan.Steps {
			for _, command := range step.Manual {
				if _, _, ok := s.run(command); strings.HasPrefix(command, "lsblk") && ok {
					t.Errorf("%s: after the repair %q still finds a device", scenario, command)
				}
			}
		}
	}
	for _, kind := range Steps {
		if !seen[kind.Kind] {
			t.Errorf("the commands of %s were not run", kind.Kind)
		}
	}
}

func byHand(t *testing.T, s *shellBy, plan Plan, step Step, command string) {
	t.Helper()
	out, calls, ok := s.run(command)
	name, _, _ := strings.Cut(command, " ")
	switch {
	case strings.HasPrefix(command, "#"):
	case name == "lsblk":
		// Without a device of it there is nothing to find.
		has := slices.ContainsFunc(plan.Steps, func(s Step) bool { return len(s.Devices) > 0 })
		if ok != has || (has && !strings.Contains(out, lastWord(devicesOf(plan)))) {
			t.Errorf("%s: %q finds %q, and the plan has %v", step.Kind, command, out, devicesOf(plan))
		}
	case name == "echo":
		word := strings.Fields(command)[1]
		file := strings.ReplaceAll(command[strings.Index(command, "/sys/"):], "/sys/", s.root+"/sys/")
		text, err := os.ReadFile(file)
		if !ok || err != nil || strings.TrimSpace(string(text)) != word {
			t.Errorf("%s: %q wrote %q: %v", step.Kind, command, text, err)
		}
	case name == "multipath":
		if calls != "multipath -f "+plan.Serial.WWID() {
			t.Errorf("%s: %q called %q", step.Kind, command, calls)
		}
	case name == "nvme":
		if calls != "nvme list-subsys" {
			t.Errorf("%s: %q called %q", step.Kind, command, calls)
		}
	case name == "pureclean":
		if !strings.HasSuffix(calls, plan.Object) && calls != "pureclean scan" {
			t.Errorf("%s: %q called %q", step.Kind, command, calls)
		}
	default:
		if !strings.HasSuffix(calls, plan.Object) || (step.HostObject != "" && !strings.Contains(calls, step.HostObject)) || plan.Class == diagnose.ClassReport {
			t.Errorf("%s: %q called %q", step.Kind, command, calls)
		}
	}
}

func devicesOf(plan Plan) []string {
	var all []string
	for _, s := range plan.Steps {
		all = append(all, s.Devices...)
	}
	return all
}

// lastWord is the kernel's name of the last device that is not a map.
func lastWord(devices []string) string {
	name := ""
	for _, d := range devices {
		if kernel, isMap := strings.CutPrefix(d, "map "); !isMap {
			name = kernel[strings.LastIndex(kernel, " ")+1:]
		}
	}
	return name
}

// By hand "pureclean verify" would say of a volume that stays that it is not gone.
func TestByHandOfWhatStays(t *testing.T) {
	verify, _ := stepTypeOf(Steps, StepVerify)
	for keeps, asked := range map[bool]bool{false: true, true: false} {
		all := verify.Manual(Plan{Class: diagnose.ClassDestroy, Object: "p::su-1", Keeps: keeps}, Step{})
		if got := strings.Contains(strings.Join(all, "\n"), "pureclean verify"); got != asked || len(all) == 0 {
			t.Errorf("it stays: %v; by hand: %q", keeps, all)
		}
	}
}
