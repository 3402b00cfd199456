package lxd

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// FaultKind is a way in which the API misbehaves, or is right to.
type FaultKind int

const (
	// NotAdmin: the caller may not see pool and server configuration, which
	// LXD answers with null.
	NotAdmin FaultKind = iota + 1
	// Restricted: the caller's certificate is for some projects only, so
	// requests for all of them are refused.
	Restricted
	// HideProject leaves out what belongs to project Name, as LXD silently
	// does with what the caller may not view.
	HideProject
	HideExtension
	NoUUID
	Fail
	Hang
	HalfBody
)

// Fault is one misbehaviour of the API.
type Fault struct {
	Kind FaultKind
	// Path restricts it to requests whose path begins so; Target to those
	// that are for this member.
	Path, Target string
	// Name is what NoUUID, HideProject and HideExtension are about.
	Name   string
	Status int
	// Times is how often it happens; 0 is every time.
	Times int
}

func (a *APIServer) Inject(f Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f.Times = cmp.Or(f.Times, -1)
	a.faults = append(a.faults, &f)
}

func (a *APIServer) Heal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = nil
}

// faults are those that concern one request.
type faults []*Fault

func (f faults) find(k FaultKind) *Fault {
	i := slices.IndexFunc(f, func(one *Fault) bool { return one.Kind == k })
	if i < 0 {
		return nil
	}
	return f[i]
}

func (f faults) names(k FaultKind, name string) bool {
	return slices.ContainsFunc(f, func(one *Fault) bool { return one.Kind == k && one.Name == name })
}

func (a *APIServer) faultsFor(r *http.Request) faults {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found faults
	for _, f := range a.faults {
		if f.Times == 0 || !strings.HasPrefix(r.URL.Path, f.Path) || (f.Target != "" && f.Target != r.URL.Query().Get("target")) {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		found = append(found, f)
	}
	return found
}
