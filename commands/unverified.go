package commands

import (
	"cmp"
	"fmt"
	"io"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair"
)

// What may be read of an array without knowing that it is the array must not be
// changed unseen: whoever stands between can answer in its place.

// unverified says of each array that proved nothing what that means, and how to
// mend it.
func unverified(world evidence.World) []string {
	var all []string
	for _, a := range world.Arrays {
		name := cmp.Or(a.Name, a.Gateway)
		mend := "; set pools.NAME.array.fingerprint, or pure.gateway.verify=true in LXD"
		switch {
		case repair.PlainHTTP(a.Gateway):
			all = append(all, "warning: the array "+name+" is asked over http://: anybody on the way can read the token and answer in its place, and nothing is changed so; use https://")
		case a.TLS.Verified == "nothing":
			all = append(all, "warning: the certificate of the array "+name+" is not verified: whoever is on the way can answer in its place"+mend)
		}
	}
	return all
}

// warnings are what is said beside every answer.
func (o *common) warnings(world evidence.World) []string {
	return append(unverified(world), o.withoutMemory()...)
}

// withoutMemory says what is not known where the memory of earlier looks can't be
// read.
func (o *common) withoutMemory() []string {
	if o.forgotten == nil {
		return nil
	}
	return []string{"! " + o.forgotten.Error() + "; what lost its record or its name since is not told from other leftovers, and batches wait"}
}

// warner says each warning once.
type warner struct{ told map[string]bool }

func (w *warner) warn(to io.Writer, warnings []string) {
	for _, text := range warnings {
		if !w.told[text] {
			if w.told == nil {
				w.told = map[string]bool{}
			}
			w.told[text] = true
			fmt.Fprintln(to, clean(text))
		}
	}
}

// trusted refuses to rest a change on what others can write: the configuration,
// and what earlier runs left in the state directory.
func trusted(settings config.Config) error {
	err := config.TrustedState(settings.StateDir)
	if err == nil && settings.File != "" {
		err = config.Trusted(settings.File)
	}
	return mended(err)
}

// mended adds how to mend what can't be trusted.
func mended(err error) error {
	if untrusted, ok := err.(*config.UntrustedError); ok { //nolint:errorlint // it comes as it is
		return withHint(err, untrusted.Mend)
	}
	return err
}
