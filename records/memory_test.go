package records

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pureclean/pureclean/evidence"
)

// namesOf is the answer without rows to a question for a pool's volumes.
func namesOf(pool string, rows array) array {
	names := array{}
	for _, item := range rows {
		row := item.(object)
		volume, snapshot, is := strings.Cut(row["name"].(string), "/")
		path := "/1.0/storage-pools/" + pool + "/volumes/" + row["type"].(string) + "/" + url.PathEscape(volume)
		if is {
			path += "/snapshots/" + url.PathEscape(snapshot)
		}
		if project := row["project"].(string); project != defaultProject {
			path += "?project=" + project
		}
		names = append(names, path)
	}
	return names
}

// plainNames are the cluster's answers with names that stand for themselves in a
// path, as nearly all do, and with the names of its volumes.
func plainNames(t *testing.T) object {
	t.Helper()
	text, err := json.Marshal(cluster(t))
	if err != nil {
		t.Fatal(err)
	}
	var whole object
	if err := json.Unmarshal([]byte(strings.NewReplacer("s 1", "s1", "s%201", "s1").Replace(string(text))), &whole); err != nil {
		t.Fatal(err)
	}
	whole[atNames] = namesOf("fast", whole[atVolumes("fast")].(array))
	return whole
}

const atNames = "/1.0/storage-pools/fast/volumes?all-projects=true"

// beside are two readers of one LXD, of which one knows again what was said.
type beside struct {
	*fakeLXD
	t              *testing.T
	plainly, knows *Reader
	whole          object
	before         evidence.LXD
	there          map[evidence.UUID]bool
}

func newBeside(t *testing.T) *beside {
	t.Helper()
	b := &beside{t: t, whole: plainNames(t), there: map[evidence.UUID]bool{}}
	b.fakeLXD = newLXD(t, b.whole)
	b.plainly, b.knows = b.open(t), b.open(t)
	b.knows.memory = &Memory{}
	b.before = b.plainly.Observe(context.Background())
	wantIncomplete(t, b.before)
	for _, record := range b.before.Records.Items {
		b.there[record.UUID] = true
	}
	if b.again(b.knows); b.knows.memory.agreed == nil {
		t.Fatal("lists that agree are not known to")
	}
	return b
}

func (b *beside) again(r *Reader) evidence.LXD {
	return r.Again(context.Background(), &b.before, nil, b.there)
}

// says lets both read other answers, and then one the former again. It returns what both
// have read.
func (b *beside) says(what string, answers object) evidence.LXD {
	b.t.Helper()
	b.set(answers)
	want, got := b.again(b.plainly), b.again(b.knows)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(evidence.Source{}, "Began", "Ended", "Requests"),
		cmp.Comparer(func(a, b evidence.UUID) bool { return a == b }),
		cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		b.t.Errorf("%s (-without memory +with):\n%s", what, diff)
	}
	b.set(b.whole)
	return want
}

func (b *beside) set(answers object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.metadata = answers
}

// TestMemoryHidesNothing: whatever is taken from what LXD said before, or is
// another, a reading that knows again what is the same says what one says that knows
// nothing.
func TestMemoryHidesNothing(t *testing.T) {
	t.Parallel()
	b := newBeside(t)
	agreed := b.knows.memory.agreed
	if b.again(b.knows); b.knows.memory.agreed != agreed {
		t.Fatal("the same lists were compared again")
	}
	noticed := 0
	for _, path := range everyPath(b.whole, nil) {
		if path[0] == atVolumes("fast") || path[0] == atOperations {
			continue // the one is not asked for, and nothing is compared with the other
		}
		said := b.says("without "+strings.Join(path, " > "), cut(b.whole, path, false).(object))
		if len(incomplete(said)) > 0 {
			noticed++
		}
		b.again(b.knows)
	}
	if noticed < 20 {
		t.Errorf("only %d cuts were noticed", noticed)
	}
}

// TestMemoryOfWhatContradicts: what contradicts the lists that agreed is told.
func TestMemoryOfWhatContradicts(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(b *beside, answers object){
		"a user of the pool that has no record": func(_ *beside, answers object) {
			pool := row(t, answers[atPools], "fast")
			pool["used_by"] = append(pool["used_by"].(array), "/1.0/storage-pools/fast/volumes/custom/nowhere")
		},
		"another user of the pool": func(_ *beside, answers object) {
			row(t, answers[atPools], "fast")["used_by"].(array)[0] = "/1.0/storage-pools/fast/volumes/custom/nowhere"
		},
		"an instance in another project": func(_ *beside, answers object) {
			row(t, answers[atInstances], "rescue")["project"] = "batch"
		},
		"an instance of another name": func(_ *beside, answers object) {
			row(t, answers[atInstances], "rescue")["name"] = "other"
		},
		"a disk without a record": func(_ *beside, answers object) {
			row(t, answers[atInstances], "job")["expanded_devices"].(object)["in"].(object)["source"] = "nowhere"
		},
		"a volume of LXD's own without a record": func(_ *beside, answers object) {
			answers[atMember("lxd02")].(object)["config"].(object)["storage.backups_volume"] = "fast/nowhere"
		},
		"a record that an earlier look did not have either": func(b *beside, answers object) {
			b.before.Records = evidence.Complete(slices.DeleteFunc(slices.Clone(b.before.Records.Items), func(r evidence.Record) bool { return r.Name == "shared" }))
			answers[atVolumes("fast")] = without(answers[atVolumes("fast")], "shared")
			answers[atNames] = namesOf("fast", answers[atVolumes("fast")].(array))
		},
	} {
		b := newBeside(t)
		answers := plain(t, b.whole)
		change(b, answers)
		if said := b.says(what, answers); len(incomplete(said)) == 0 {
			t.Errorf("%s: nobody notices", what)
		}
	}
}

// TestNothingReadAgrees: that nothing could be read is no agreement with the users of
// a pool, when later there is nothing.
func TestNothingReadAgrees(t *testing.T) {
	t.Parallel()
	b := newBeside(t)
	b.mu.Lock()
	b.raw[atVolumes("fast")] = fail(http.StatusInternalServerError, "no")
	b.mu.Unlock()
	b.knows.Observe(context.Background())
	b.mu.Lock()
	delete(b.raw, atVolumes("fast"))
	b.metadata = maps.Clone(b.whole)
	b.metadata[atVolumes("fast")] = array{}
	b.mu.Unlock()
	if said := b.knows.Observe(context.Background()); len(incomplete(said)) == 0 {
		t.Error("no record of a pool that is in use, and nobody notices")
	}
}
