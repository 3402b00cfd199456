package diagnose

import (
	"errors"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// A pool, a member, a machine and an array are known, if not as one object.
func TestWhatIsLargerThanAnObject(t *testing.T) {
	s := cluster()
	s.Hosts = append(s.Hosts, machine("backup", "iqn.b", "nqn.b"))
	for name, c := range map[string]struct{ what, instead string }{
		"P1":             {"p1 is a pool of LXD, on array " + s.array().Name, "pureclean scan --pool p1"},
		"lxd02":          {"lxd02 is a member of LXD: not one object; on the array it is lxd02-iscsi", "pureclean doctor"},
		"backup":         {"backup is a machine", "pureclean doctor"},
		s.array().Name:   {s.array().Name + " is the array", "pureclean doctor"},
		s.array().ID:     {s.array().Name + " is the array", "pureclean doctor"},
		"p2-that-is-not": {"neither the array nor LXD nor a host knows", ""},
	} {
		_, err := Explain(s.World, s.policy, name, "")
		var unknown *UnknownObjectError
		if !errors.As(err, &unknown) || !strings.HasPrefix(err.Error(), c.what) || !strings.HasPrefix(unknown.Instead, c.instead) || (c.instead == "") != (unknown.Instead == "") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What has the name itself comes first.
	v := s.volume("p1", name(evidence.TypeCustom, "", 60))
	s.record(v, "lxd02")
	if e, err := Explain(s.World, s.policy, "lxd02", ""); err != nil || e.Object != s.vol(v).Name {
		t.Errorf("%s %v", e.Object, err)
	}
}
