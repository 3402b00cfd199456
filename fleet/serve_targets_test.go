package fleet

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

const another = evidence.Serial("0123456789ABCDEF01234567")

// requestOf is a request that carries something in each of its lists, all of
// the volume of the command line.
func (s *site) requestOf(step string) request {
	ask := s.request(step)
	path := release.Target{Name: "sdzz", HCTL: "9:0:0:9", Dev: "65:0", Seq: 900, Serial: s.serial}
	ask.Released.Boot, ask.Released.Connected = ask.Boot, true
	ask.Released.Maps = []release.ReleasedMap{{Name: "mpathz", UUID: s.serial.MapUUID(), QueueingOff: true}}
	ask.Released.Offline, ask.Released.Found, ask.Released.Left = []release.Target{path}, []release.Target{path}, []release.Target{path}
	ask.Released.Namespaces, ask.Released.Numbers = []string{"nvme0n1"}, []int64{9}
	return ask
}

// identities calls change for each field of a value that says which volume
// something is of, wherever it is.
func identities(v reflect.Value, at string, change func(field string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			identities(v.Field(i), at+"."+v.Type().Field(i).Name, change)
		}
	case reflect.Slice:
		for i := range v.Len() {
			identities(v.Index(i), at, change)
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[evidence.Serial]() || strings.HasSuffix(at, ".UUID") {
			change(at, v)
		}
	}
}

// The command line names the volume, and sudo and its log see no more. Whatever
// a request carries of another one, in any step, is refused before anything is
// written, and so is what can't be a device of it.
func TestServeTouchesNoOtherVolume(t *testing.T) {
	s := newSite(t)
	before := s.state()
	refused := func(what string, ask request) {
		t.Helper()
		done, err := s.converse(ask, yes)
		if err != nil || done == nil || done.Error == nil || !errors.Is(done.Error, release.ErrRefused) || s.writes > 0 {
			t.Errorf("%s: %s: %v, %+v, %d writes", ask.Step, what, err, done, s.writes)
		}
	}
	for _, step := range Steps() {
		var fields []string
		ask := s.requestOf(step)
		identities(reflect.ValueOf(&ask).Elem(), "request", func(field string, v reflect.Value) {
			fields = append(fields, field)
			was := v.String()
			for _, other := range []string{string(another), another.MapUUID(), "part1-" + s.serial.MapUUID(), strings.ToLower(was) + " "} {
				v.SetString(other)
				refused(field+" is "+other, ask)
			}
			v.SetString(was)
		})
		if len(fields) != 6 {
			t.Errorf("%s: the fields are %v", step, fields)
		}
		for _, bad := range []release.Target{{Name: "nvme0n1", HCTL: "9:0:0:9"}, {Name: "sda", HCTL: "../../x"}, {Name: "../sda", HCTL: "9:0:0:9"}} {
			bad.Serial = s.serial
			ask.Released.Offline = []release.Target{bad}
			refused("a path "+bad.Name+" at "+bad.HCTL, ask)
		}
	}
	if !slices.Equal(before, s.state()) {
		t.Errorf("it was %v and is %v", before, s.state())
	}
}
