package repair

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// misnamed is a world in which the names of one leak lead to another's disk:
// the plans of both, of the one without a connection first.
func misnamed(t *testing.T) (k *kit, lost, found Plan) {
	t.Helper()
	k = newKit(t, "names-left")
	world, report := k.scan()
	for _, f := range report.Findings {
		if f.Code != "leaked-volume" {
			continue
		}
		p, err := NewPlan(world, diagnose.DefaultPolicy(), f, k.world.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Connections) == 0 {
			lost = p
		} else {
			found = p
		}
	}
	if lost.Object == "" || found.Object == "" {
		t.Fatalf("%v", k.codes())
	}
	return k, lost, found
}

// TestNameThatLeadsElsewhere: neither volume is repaired while a name of one
// leads to the other, the refusal comes at once, and verify says the same.
// When udev has looked again, both are.
func TestNameThatLeadsElsewhere(t *testing.T) {
	ctx := context.Background()
	k, lost, found := misnamed(t)
	host := k.world.Hosts[0]
	for _, plan := range []Plan{lost, found} {
		began := k.world.Clock.Now()
		result, err := k.tools().Run(ctx, plan)
		var refused *RefusedError
		if !errors.As(err, &refused) || result.Gate != "name-identity" || result.Changed || result.Outcome != journal.Refused {
			t.Errorf("%s: %+v, %v", plan.Object, result, err)
		}
		if waited := k.world.Clock.Now().Sub(began); waited > 5*time.Second {
			t.Errorf("%s was refused after %s", plan.Object, waited)
		}
	}
	world, _ := k.scan()
	proof := Verify(world, Target{Name: lost.Object, ID: lost.ID, Serial: lost.Serial})
	if line := proof.line("host " + host.Name()); !line.Gone.IsNot() || !strings.Contains(line.Why, "is still there and leads to sd") {
		t.Errorf("verify: %+v", line)
	}

	for _, name := range host.DevicesOf(string(found.Serial)) {
		if err := host.UdevLooks(name); err != nil {
			t.Fatal(err)
		}
	}
	if codes := k.codes(); strings.Contains(strings.Join(codes, " "), "misleading-name") {
		t.Errorf("udev has looked, and scan finds %v", codes)
	}
	if dev, ok := host.Linked(string(found.Serial)); !ok || dev == "" {
		t.Error("the other volume has no name")
	}
	for _, plan := range []Plan{lost, found} {
		if result, err := k.tools().Run(ctx, plan); err != nil {
			t.Errorf("%s: %+v, %v", plan.Object, result, err)
		}
		world, _ := k.scan()
		if proof := Verify(world, Target{Name: plan.Object, ID: plan.ID, Serial: plan.Serial}); !proof.Gone.Is() {
			t.Errorf("%+v", proof)
		}
	}
	k.noHarm()
}

func (p Proof) line(witness string) ProofLine {
	for _, line := range p.Lines {
		if line.Witness == witness {
			return line
		}
	}
	return ProofLine{}
}

// TestNamesInABatch: what is refused because of a name ends no batch.
func TestNamesInABatch(t *testing.T) {
	k, _, _ := misnamed(t)
	k.world.Array.Inject(array.Fault{Method: "POST", Path: "/volumes", Kind: array.LoseReply, Times: 1})
	if err := k.world.LXD.CreateVolume(lxd.VolumeSpec{Pool: k.world.Pool(), Name: "third", Bytes: 1 << 20}); err == nil {
		t.Fatal("the third did not leak")
	}
	k.sight()
	k.world.Age(25 * time.Hour)
	tools := k.tools()
	tools.Policy.Batch = true
	rows, err := tools.Batch(context.Background(), k.plans(tools))
	if err != nil {
		t.Fatal(err)
	}
	got := outcomes(rows)
	slices.Sort(got)
	if diff := cmp.Diff([]string{"done", "refused name-identity", "refused name-identity"}, got); diff != "" || outcomes(rows)[0] == "done" {
		t.Errorf("%s\n%+v", diff, rows)
	}
}

// TestVerifySeesNames: a name that is left is not gone, wherever it leads, and
// names that could not be listed are not known.
func TestVerifySeesNames(t *testing.T) {
	k := newKit(t, "create-reply-lost-iscsi")
	plan := k.plan("leaked-volume")
	if _, err := k.tools().Run(context.Background(), plan); err != nil {
		t.Fatal(err)
	}
	link := evidence.Link{
		Path: "/dev/disk/by-id/scsi-" + plan.Serial.WWID(), Target: "../../sdq", Serial: plan.Serial, Says: plan.Serial, Dangling: evidence.Yes, On: []string{},
	}
	for name, c := range map[string]struct {
		spoil func(*evidence.Host)
		want  evidence.Answer
	}{
		"no name":              {func(*evidence.Host) {}, evidence.Yes},
		"one without a target": {func(h *evidence.Host) { h.Links.Items = append(h.Links.Items, link) }, evidence.No},
		"not all listed":       {func(h *evidence.Host) { h.Links = h.Links.Doubt("EACCES") }, evidence.Unknown},
	} {
		world, _ := k.scan()
		c.spoil(&world.Hosts[0])
		if proof := Verify(world, Target{Name: plan.Object, ID: plan.ID, Serial: plan.Serial}); proof.Gone != c.want {
			t.Errorf("%s: %+v", name, proof)
		}
	}
}
