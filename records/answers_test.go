package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/canonical/lxd/shared/api"

	"github.com/pureclean/pureclean/evidence"
)

// What is not LXD's plain yes is no list, however much it looks like one.
func TestAnswersThatAreNoList(t *testing.T) {
	const rows = `"metadata":["a"]`
	broken := map[string]string{
		"of no type":          `{"status_code":200,` + rows + `}`,
		"of another type":     `{"type":"async","status_code":200,` + rows + `}`,
		"with no status":      `{"type":"sync",` + rows + `}`,
		"with another status": `{"type":"sync","status_code":100,` + rows + `}`,
		"with nothing in it":  `{"type":"sync","status_code":200}`,
		"with a null in it":   `{"type":"sync","status_code":200,"metadata":null}`,
	}
	for name, text := range broken {
		var said api.Response
		if err := json.Unmarshal([]byte(text), &said); err != nil {
			t.Fatal(err)
		}
		var into json.RawMessage
		if err := unwrap(&said, &into); !errors.Is(err, errMalformed) {
			t.Errorf("%s: unwrapped as %s, %v", name, into, err)
		}
	}
	broken["with a row in it"] = `{"type":"sync","status_code":200,"metadata":{"name":"a"}}`
	broken["with a list and more"] = `{"type":"sync","status_code":200,` + rows + `} {}`
	for name, text := range broken {
		if got, err := readRows(strings.NewReader(text), nil, (*puller).text); err == nil || name != "with a list and more" && !errors.Is(err, errMalformed) {
			t.Errorf("%s: read as %q", name, got)
		}
	}
}

// LXD's own refusal is passed on in its words; what stands in its place is not.
func TestRefusal(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"error","error":"Not authorised","error_code":403}`: "Not authorised",
		`{"type":"sync","error":"odd"}`:                              "LXD answered 403 Forbidden",
		`{"type":"error","error":`:                                   "LXD answered 403 Forbidden",
		"<html>":                                                     "LXD answered 403 Forbidden",
	} {
		resp := &http.Response{Status: "403 Forbidden", StatusCode: http.StatusForbidden, Body: io.NopCloser(strings.NewReader(text))}
		if got := refusal(resp).Error(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// Each way in which an answer can be broken is the same to the operator.
func TestBrokenAnswersHaveOneReason(t *testing.T) {
	var number int
	for _, text := range []string{"{", `"x"`} {
		err := json.Unmarshal([]byte(text), &number)
		if got := reasonOf(fmt.Errorf("GET /1.0: %w", err)); !errors.Is(got, errMalformed) {
			t.Errorf("%v: %v", err, got)
		}
	}
	if err := late(context.Background(), io.EOF); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	ctx, stop := context.WithTimeoutCause(context.Background(), 0, &timeoutError{time.Second})
	defer stop()
	<-ctx.Done()
	if err := late(ctx, io.EOF); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after its time: %v", err)
	}
	_, err := readRows(strings.NewReader(`{"type" sync}`), nil, (*puller).text)
	if got := reasonOf(err); err == nil || !errors.Is(got, errMalformed) {
		t.Errorf("%v: %v", err, got)
	}
	if got := reasonOf(errors.New("else")); got != nil {
		t.Error(got)
	}
}

// A user that can't be read is no volume, and never another one.
func TestUsersThatCantBeRead(t *testing.T) {
	const volume = "/1.0/storage-pools/fast/volumes/custom/a"
	if _, ok := placeOf("fast", volume+"?project=x"); !ok {
		t.Fatal("the volume itself is not read")
	}
	for _, user := range []string{volume + "?project=%zz", strings.Replace(volume, "/a", "/%zz", 1), "/1.0/profiles/a"} {
		if at, ok := placeOf("fast", user); ok {
			t.Errorf("%s is read as %+v", user, at)
		}
	}
	for user, want := range map[string]string{
		volume:                             "fast",
		"/1.0/storage-pools/a%2Fb/volumes": "a/b",
		strings.TrimPrefix(volume, "/"):    "",
		"/1.0/instances/a":                 "",
		"/1.0/storage-pools/%zz/volumes":   "",
	} {
		if got, ok := poolOf(user); ok != (want != "") || ok && got != want {
			t.Errorf("%s is of pool %q, %v", user, got, ok)
		}
	}
}

// LXD is asked for one volume, and an answer about another is none.
func TestAnotherVolumeAnswers(t *testing.T) {
	metadata := capture(t, healthy)
	row := object{"name": "a", "type": "custom", "pool": "fast", "project": "default", "content_type": "filesystem", "used_by": array{}, "config": object{"volatile.uuid": "5ff7b5b0-6d5f-4a0e-9d6e-6d1c1f2f3a4b"}}
	const path = "/1.0/storage-pools/fast/volumes/custom/a"
	metadata[path] = row
	f := newLXD(t, metadata)
	r := f.open(t)
	at := place{"fast", "default", "custom", "a"}
	if _, err := r.volume(context.Background(), at); err != nil {
		t.Fatalf("%v; asked were %q", err, f.requests())
	}
	for key, value := range map[string]string{"name": "b", "type": "image", "pool": "slow", "project": "other"} {
		old := row[key]
		row[key] = value
		other := newLXD(t, metadata).open(t)
		if got, err := other.volume(context.Background(), at); !errors.Is(err, errMalformed) {
			t.Errorf("another %s: %+v, %v", key, got, err)
		}
		row[key] = old
	}
}

// A socket that can't be looked at is trouble, and no LXD that is not there.
func TestASocketThatCantBeLookedAt(t *testing.T) {
	socket := filepath.Join(t.TempDir(), socketName)
	if err := os.Symlink(socketName, socket); err != nil {
		t.Fatal(err)
	}
	if err := inspect(socket); !errors.Is(err, syscall.ELOOP) || errors.Is(err, errNoLXD) {
		t.Errorf("it leads to itself: %v", err)
	}
}

// Whether LXD shows us everything is not known of an LXD that did not answer.
func TestRightsOfNoAnswer(t *testing.T) {
	a := answers{server: reply[serverRow]{err: io.EOF}}
	if got, why := a.rights(); got != evidence.Unknown || why != io.EOF.Error() {
		t.Errorf("%v: %s", got, why)
	}
}
