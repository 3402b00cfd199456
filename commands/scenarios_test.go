package commands_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
)

// recordings are the scenarios that are looked at as a recorded tree too.
var recordings = map[string]bool{"healthy-nvme": true, "device-too-late-iscsi": true, "killed-in-export-iscsi": true, "namespace-left": true}

// TestScenariosThroughTheProgram runs the program on some scenarios, before
// the live host and before a recording of it. All of them are looked at in
// package simulator.
func TestScenariosThroughTheProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the sweep over all scenarios")
	}
	for _, name := range []string{
		"healthy-iscsi", "healthy-nvme", "device-too-late-iscsi", "device-never-nvme", "killed-in-export-iscsi", "snapshot-reply-lost",
		"lun-reused", "held-in-namespace", "namespace-left", "safemode", "killed-before-create",
	} {
		t.Run(name, func(t *testing.T) {
			s, ok := simulator.Find(name)
			if !ok {
				t.Fatal("there is no such scenario")
			}
			w := worlds.Of(t, name)
			want := slices.Sorted(slices.Values(s.Codes))
			look := func(stdout string) (codes []string, safe int) {
				var got scanned
				decode(t, stdout, &got)
				for _, f := range got.Findings {
					codes = append(codes, f.Code)
					if f.Verdict == "safe" {
						safe++
						if strings.HasPrefix(f.Code, "leaked") && f.Code != "leaked-snapshot" && w.Live(f.Object) {
							t.Errorf("%s %s is live and called safe", f.Code, f.Object)
						}
					}
				}
				slices.Sort(codes)
				return slices.Compact(codes), safe
			}

			status, stdout, stderr := runBefore(context.Background(), w, nil, "scan", "-o", "json")
			if wanted := map[bool]int{true: 0, false: 4}[len(want) == 0]; status != wanted {
				t.Errorf("status %d, want %d: %s", status, wanted, stderr)
			}
			codes, _ := look(stdout)
			if diff := cmp.Diff(want, codes); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}

			if !recordings[name] {
				return
			}
			// A recording has no answers of the kernel, so it may show less,
			// and nothing that a host could use is safe.
			status, stdout, stderr = serve(t, w).run(t, "scan", "-o", "json")
			if status != 0 && status != 4 && status != 8 {
				t.Errorf("recorded: status %d: %s", status, stderr)
			}
			recorded, safe := look(stdout)
			if safe > 0 && !slices.Contains(recorded, "leaked-snapshot") {
				t.Errorf("recorded: %d are safe", safe)
			}
			for _, code := range want {
				if !slices.Contains(recorded, code) && code != "mixed-map" {
					t.Errorf("recorded: %s is not found (%v): %s", code, recorded, stderr)
				}
			}
		})
	}
}
