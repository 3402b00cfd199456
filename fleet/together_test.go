package fleet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// TestTogether: of a step for several volumes each has its own result, if the
// machine ends well. Whatever breaks off is not known of any of them, and halfway where
// a write was allowed. Only what ended before it said anything is to be asked for alone.
func TestTogether(t *testing.T) {
	p := newPlace(t)
	first := evidence.Serial("D5BC07893D61B51B0001100A")
	note := func(serial evidence.Serial) string {
		return `echo '{"say":"note","serial":"` + string(serial) + `","action":{"do":"offline","name":"sda"}}'; read r; echo "$r" >>said; `
	}
	done := func(more string) string {
		return `echo '{"say":"done","done":{"released":{"serial":"` + string(first) + `"},"detached":[],"more":[` + more + `]}}'; read r; `
	}
	refused := `{"serial":"` + string(another) + `","released":{},"error":{"text":"it is mounted","kinds":["refused"]}}`
	for _, c := range []struct {
		name, script string
		alone        bool
		// errs are those of each volume; noted are the volumes that were noted here.
		errs  [2][]error
		noted []evidence.Serial
		says  string
	}{
		{"one is refused", note(first) + done(refused), false, [2][]error{nil, {release.ErrRefused}}, []evidence.Serial{first}, `"ok":true`},
		{"it breaks off", note(another) + "exit 255", false, [2][]error{{ErrLost}, {ErrLost, release.ErrHalfway}}, []evidence.Serial{another}, `"ok":true`},
		{"it ends badly after all", note(first) + done(refused) + "exit 1", false, [2][]error{{ErrLost, release.ErrHalfway}, {ErrLost}}, []evidence.Serial{first}, ""},
		{"it says nothing of one", note(first) + done(""), false, [2][]error{{ErrLost, release.ErrHalfway}, {ErrLost}}, []evidence.Serial{first}, ""},
		{"it speaks of another", done(strings.ReplaceAll(refused, string(another), "ABCDEF0123456789ABCDEF01")), false, [2][]error{{ErrLost}, {ErrLost}}, nil, ""},
		{"it wants to write to another", note("ABCDEF0123456789ABCDEF01") + "exit 255", false, [2][]error{{ErrLost}, {ErrLost}}, nil, "was not asked for"},
		{"it does not say to which", note("") + "exit 255", false, [2][]error{{ErrLost}, {ErrLost}}, nil, "was not asked for"},
		{"ssh fails", "exit 255", false, [2][]error{{ErrLost}, {ErrLost}}, nil, ""},
		{"it said something first", "echo '{\"say\":\"alive\"}'; exit 1", false, [2][]error{{ErrLost}, {ErrLost}}, nil, ""},
		{"sudo asks for a password", "echo 'sudo: a password is required' >&2; exit 1", true, [2][]error{}, nil, ""},
		{"it ends before it says anything", "exit 16", true, [2][]error{}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_ = os.Remove(filepath.Join(p.servers.Dir, "said")) // there may be none
			p.script("cat answer")
			p.write()
			f := New(p.o)
			m := f.Machine(f.Ask(t.Context(), "lxd02"))
			if m.Shares() == "" {
				t.Fatal("it does one volume at a time")
			}
			p.script(`[ "$*" = "devices --remove ` + string(first) + ` --remove ` + string(another) + ` --step release" ] || exit 99; read ask; ` + c.script)
			var noted []evidence.Serial
			task := func(serial evidence.Serial) release.Task {
				return release.Task{Serial: serial, Callbacks: release.Callbacks{Note: func(release.Action) error {
					noted = append(noted, serial)
					return nil
				}}}
			}
			all, begun := m.Together(context.Background(), release.TaskRelease, []release.Task{task(first), task(another)}, nil)
			if begun == c.alone || (m.Shares() == "") != c.alone {
				t.Fatalf("begun %v, it shares %q: %+v", begun, m.Shares(), all)
			}
			if !slices.Equal(noted, c.noted) {
				t.Errorf("noted %v", noted)
			}
			for i := range all {
				for _, kind := range []error{ErrLost, release.ErrHalfway, release.ErrRefused} {
					if got := errors.Is(all[i], kind); got != slices.Contains(c.errs[i], kind) {
						t.Errorf("%d: is %v %v: %v", i, kind, got, all[i])
					}
				}
				if (all[i] == nil) != (c.errs[i] == nil) {
					t.Errorf("%d: %v", i, all[i])
				}
			}
			said, _ := os.ReadFile(filepath.Join(p.servers.Dir, "said")) // it may have said nothing
			if !strings.Contains(string(said), c.says) {
				t.Errorf("it was told %s", said)
			}
		})
	}
}

// Only a machine that has said that it speaks the newest conversation is asked for
// several volumes.
func TestSharesWhatItUnderstands(t *testing.T) {
	p := newPlace(t)
	for spoken, shares := range map[int]bool{severalFrom - 1: false, severalFrom: true} {
		p.answer.Conversation = spoken
		p.write()
		f := New(p.o)
		if got := f.Machine(evidence.Host{Source: evidence.Source{Name: "lxd02"}, Boot: "b2"}).Shares(); got != "" {
			t.Errorf("before it said anything: %q", got)
		}
		host := f.Ask(t.Context(), "lxd02")
		if got := f.Machine(host).Shares(); (got != "") != shares {
			t.Errorf("%d: %q", spoken, got)
		}
		host.Boot = "b3"
		if f.Machine(host).Shares() == "lxd02 b2" {
			t.Error("another boot is the same machine")
		}
	}
}
