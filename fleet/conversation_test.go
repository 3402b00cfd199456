package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// Of the conversations the last two are understood, by whoever asks and by
// whoever is asked, whatever version the program is of.
func TestLastTwoAreUnderstood(t *testing.T) {
	p := newPlace(t)
	three := []conversation{
		{version: 5},
		{version: 6, less: func(h *evidence.Host) { h.Uses = h.Uses.Doubt("its pureclean does not look for exports") }},
		{version: 7},
	}
	for _, c := range []struct {
		spoken int
		uses   string
		why    string
	}{
		{7, "", ""},
		{6, "its pureclean does not look for exports", ""},
		{5, "", "its pureclean is v0, and this is v1: it speaks version 5 of the conversation, and this one versions 6 and 7"},
		{8, "", "it speaks version 8 of the conversation"},
		{0, "", "it names no version of the conversation"},
		{-7, "", "it names no version"},
	} {
		p.o.conversations = three
		f := New(p.o)
		p.answer.Version, p.answer.Conversation, p.answer.Uses = "v0", c.spoken, evidence.Complete([]evidence.Use{})
		p.write()
		host := f.Ask(t.Context(), "lxd02")
		if c.why != "" {
			if !strings.Contains(host.Trouble, c.why) || host.Boot != "" {
				t.Errorf("%d: %q", c.spoken, host.Trouble)
			}
			continue
		}
		if host.Trouble != "" || host.Uses.Why() != c.uses {
			t.Errorf("%d: %q, uses: %q", c.spoken, host.Trouble, host.Uses.Why())
		}
		// It is spoken to as it speaks.
		if got := f.Machine(host).complete(request{}).Conversation; got != c.spoken {
			t.Errorf("%d: it is asked in version %d", c.spoken, got)
		}
		if got := f.Machine(evidence.Host{Source: evidence.Source{Name: "lxd03"}}).complete(request{}).Conversation; got != 7 {
			t.Errorf("a machine that has said nothing is asked in version %d", got)
		}
	}
}

// What is said has the shape that its version had when it was made. If this
// fails, and a release speaks that version, add a conversation, say what an
// answer of the one before leaves open, and put the new shape here.
func TestConversationKeepsItsShape(t *testing.T) {
	shapes := map[int]string{1: "4ea28e61d60e9171", 2: "a994add51506947f"}
	var text strings.Builder
	for _, said := range []any{Answer{}, request{}, message{}, reply{}, result{}} {
		shape(&text, reflect.TypeOf(said), map[reflect.Type]bool{})
	}
	for _, kind := range kinds {
		fmt.Fprintln(&text, kind.name)
	}
	fmt.Fprintln(&text, Steps(), sayNote, sayElsewhere, sayWait, sayAlive, sayDone)
	sum := sha256.Sum256([]byte(text.String()))
	if got, version := hex.EncodeToString(sum[:8]), newest(conversations); got != shapes[version] {
		t.Errorf("conversation %d has another shape than it had: %s, and it was %s", version, got, shapes[version])
	}
	for i, c := range conversations {
		if c.version <= 0 || i > 0 && c.version != conversations[i-1].version+1 {
			t.Errorf("conversation %d follows another than the one before", c.version)
		}
	}
	if n := len(conversations); n > 2 {
		t.Errorf("%d conversations are kept, and two are understood", n)
	}
}

// shape writes a type down as JSON has it.
func shape(into *strings.Builder, t reflect.Type, seen map[reflect.Type]bool) {
	fmt.Fprintf(into, "%s %s\n", t.Kind(), t.Name())
	switch {
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer || t.Kind() == reflect.Array:
		shape(into, t.Elem(), seen)
	case t.Kind() == reflect.Map:
		shape(into, t.Key(), seen)
		shape(into, t.Elem(), seen)
	case t.Kind() != reflect.Struct || seen[t] || t == reflect.TypeFor[time.Time]():
	default:
		seen[t] = true
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() {
				fmt.Fprintf(into, "%s %q ", f.Name, f.Tag.Get("json"))
				shape(into, f.Type, seen)
			}
		}
	}
}

// Who works from a member is what it said last, and not known of one that did
// not answer.
func TestHolderIsOfTheLastAnswer(t *testing.T) {
	p := newPlace(t)
	f := New(p.o)
	if h := f.Holder("lxd02"); h.Held != evidence.Unknown || h.Why == "" {
		t.Errorf("of one that was not asked: %+v", h)
	}
	want := Holder{Held: evidence.Yes, By: "ann as root", Host: "h2", PID: 7, Since: time.Date(2026, 11, 22, 14, 2, 0, 5, time.UTC), Alone: true, Done: 12, Of: 40}
	for _, said := range []Holder{want, {Held: evidence.No}, {}, want} {
		p.answer.Holder = said
		p.write()
		f.Ask(t.Context(), "lxd02")
		if got := f.Holder("lxd02"); got != said {
			t.Errorf("%+v, want %+v", got, said)
		}
	}
	if text := want.String(); text != "ann as root, process 7, since 2026-11-22 14:02 UTC, 12 of 40 volumes" {
		t.Error(text)
	}
	p.script("exit 1")
	f.Ask(t.Context(), "lxd02")
	if h := f.Holder("lxd02"); h.Held != evidence.Unknown || h.Why == "" {
		t.Errorf("of one that did not answer: %+v", h)
	}
}
