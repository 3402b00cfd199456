package records

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

// long is an answer of LXD that is many times what is held of it at once, and
// what encoding/json reads in it.
func long(t *testing.T) (text []byte, want []evidence.Record) {
	t.Helper()
	created := time.Date(2026, 11, 22, 8, 21, 34, 5, time.UTC)
	rows := make([]object, 4000)
	for i := range rows {
		record := evidence.Record{
			Pool: "fast", Project: "default", Type: "custom", Name: fmt.Sprintf("é\"%d\\", i), Content: "filesystem", Created: created,
			UUID: evidence.UUID{0: 1, 14: byte(i >> 8), 15: byte(i)}, UsedBy: []string{}, Shared: evidence.No,
		}
		if i%3 == 2 {
			record.Shared = evidence.Yes
		}
		for j := range i % 4 {
			record.UsedBy = append(record.UsedBy, fmt.Sprintf("/1.0/instances/c%d", j))
		}
		rows[i] = object{
			"name": record.Name, "type": record.Type, "pool": record.Pool, "project": record.Project, "content_type": record.Content,
			"created_at": created, "used_by": record.UsedBy, "description": strings.Repeat("]}\"", i%50),
			"config": object{"size": "1GiB", "volatile.uuid": record.UUID.String(), "security.shared": []string{"", "False", "on"}[i%3]},
		}
		want = append(want, record)
	}
	text, err := json.Marshal(object{"type": "sync", "status": "Success", "status_code": 200, "metadata": rows, "operation": ""})
	if err != nil {
		t.Fatal(err)
	}
	return text, want
}

// A row says the same wherever the pieces end in which it arrives.
func TestLongAnswersArriveInPieces(t *testing.T) {
	text, want := long(t)
	for shift := range 7 {
		padded := append(bytes.Repeat([]byte(" "), shift*61), text...)
		got, err := readRows(bytes.NewReader(padded), []evidence.Record{}, whole(readVolume))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("shifted by %d: %s", shift*61, diff)
		}
	}
}

// An answer that ends anywhere before its end is an error, with the rows
// before it.
func TestLongAnswersThatAreCut(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the sweeps over all that can be missing")
	}
	text, want := long(t)
	for cut := 1; cut < len(text); cut += len(text)/97 + 1 {
		got, err := readRows(bytes.NewReader(text[:cut]), []evidence.Record{}, whole(readVolume))
		if !errors.Is(explain(err), errMalformed) {
			t.Errorf("cut at %d: error %v", cut, err)
		}
		if n := len(got); n > 1 {
			if diff := cmp.Diff(want[:n-1], got[:n-1]); diff != "" {
				t.Fatalf("cut at %d: %s", cut, diff)
			}
		}
	}
}

// A pool's and a project's users may be more than any other row's: they are
// read one by one, and a value of the wrong type is no list.
func TestUsersAreReadOneByOne(t *testing.T) {
	users := make([]string, 60_000)
	for i := range users {
		pool := []string{"p%200", "volumes", "volumes-2"}[i%3]
		users[i] = fmt.Sprintf("/1.0/storage-pools/%s/volumes/custom/a-volume-with-quite-a-long-name-%060d?project=x", pool, i)
	}
	row := object{"name": "fast", "driver": "pure", "config": object{"pure.gateway": "https://fa", "features.images": "true"}, "used_by": users}
	answer := func() *bytes.Reader {
		text, err := json.Marshal(object{"type": "sync", "status_code": 200, "metadata": array{row, nil}})
		if err != nil {
			t.Fatal(err)
		}
		return bytes.NewReader(text)
	}
	pools, err := readRows(answer(), nil, readPool(true, nil))
	if err != nil || len(pools) != 2 || pools[0].Name != "fast" || pools[0].Config.Gateway != "https://fa" || pools[1].Config != nil {
		t.Fatalf("%d pools, %v", len(pools), err)
	}
	if diff := cmp.Diff(users, pools[0].UsedBy); diff != "" {
		t.Error(diff)
	}
	projects, err := readRows(answer(), nil, readProject)
	if err != nil || len(projects) != 2 {
		t.Fatalf("%d projects, %v", len(projects), err)
	}
	if diff := cmp.Diff([]string{"p 0", "volumes", "volumes-2"}, projects[0].Pools); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []any{"/1.0/instances/c1", 7, true, object{"a": "b"}} {
		row["used_by"] = wrong
		if _, err := readRows(answer(), nil, readPool(true, nil)); !errors.Is(explain(err), errMalformed) {
			t.Errorf("used_by %v in a pool: error %v", wrong, err)
		}
		if _, err := readRows(answer(), nil, readProject); !errors.Is(explain(err), errMalformed) {
			t.Errorf("used_by %v in a project: error %v", wrong, err)
		}
	}
}

// A volume is known not to be shared only where its configuration was seen.
func TestShared(t *testing.T) {
	for config, want := range map[string]evidence.Answer{
		`{"name":"v"}`:                                      evidence.Unknown,
		`{"name":"v","config":null}`:                        evidence.Unknown,
		`{"name":"v","config":{}}`:                          evidence.No,
		`{"name":"v","config":{"security.shared":""}}`:      evidence.No,
		`{"name":"v","config":{"security.shared":"False"}}`: evidence.No,
		`{"name":"v","config":{"security.shared":"true"}}`:  evidence.Yes,
		`{"name":"v","config":{"security.shared":"?"}}`:     evidence.Yes,
	} {
		text := `{"type":"sync","status_code":200,"metadata":[` + config + `]}`
		rows, err := readRows(strings.NewReader(text), []evidence.Record{}, whole(readVolume))
		if err != nil || len(rows) != 1 || rows[0].Shared != want {
			t.Errorf("%s: %+v %v, want %s", config, rows, err, want)
		}
	}
}
