package repair

import (
	"cmp"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// needEncrypted is a condition of every look that a run rests on, and so of
// every run: a new one, one of a batch, a dry run, one that is resumed, undone
// or made final.
const needEncrypted = "encrypted"

// encrypted refuses to go on where an array was asked over http: anybody on the
// way can answer in its place, and what is done to a host rests on that answer
// as much as what is done to the array.
func (r *run) encrypted(world *evidence.World) error {
	for a := range evidence.Refs(world.Arrays) {
		if a.Trouble == "" && PlainHTTP(a.Gateway) {
			return r.refuse("start", diagnose.GateResult{
				Gate: needEncrypted, Result: diagnose.Fail,
				Why: "the array " + cmp.Or(a.Name, a.Gateway) + " is asked over http://, where anybody on the way can answer in its place",
			})
		}
	}
	return nil
}

// PlainHTTP reports a URL that nothing protects.
func PlainHTTP(url string) bool { return strings.HasPrefix(strings.ToLower(url), "http://") }
