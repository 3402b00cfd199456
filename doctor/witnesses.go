package doctor

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/settings"
	"github.com/pureclean/pureclean/words"
)

// witnesses joins who could testify, which diagnose knows, with what makes
// their word worth something.
func (p *patient) witnesses() []Witness {
	all := make([]Witness, 0, len(p.judged))
	for _, w := range p.judged {
		one := Witness{Kind: w.Kind, Name: w.Name, Title: w.Title, Testifies: w.Complete, Reason: w.Reason, Hint: w.Hint}
		switch w.Kind {
		case array:
			for a := range evidence.Refs(p.world.Arrays) {
				if a.Name == w.Name {
					one.Facts = arrayFacts(a)
				}
			}
		case lxd:
			one.Facts = lxdFacts(&p.world.LXD)
		case host:
			for h := range evidence.Refs(p.world.Hosts) {
				if h.Name == w.Name {
					one.Facts = hostFacts(h)
				}
			}
		}
		one.Facts = append([]string{}, one.Facts...) // null is no list
		all = append(all, one)
	}
	return all
}

// facts are what makes a witness's word worth something, in short phrases.
type facts []string

// add keeps a phrase of what there is.
func (f *facts) add(ok bool, format string, args ...any) {
	if ok {
		*f = append(*f, fmt.Sprintf(format, args...))
	}
}

func arrayFacts(a *evidence.Array) facts {
	var all facts
	all.add(a.Version != "", "Purity %s", a.Version)
	all.add(a.API != "", "REST %s", a.API)
	all.add(a.Newest != "" && a.Newest != a.API, "offers up to %s", a.Newest)
	all.add(a.User != "", "token of %s, %s", a.User, cmp.Or(a.Role, "role not known"))
	verified := map[string]string{"fingerprint": "certificate pinned", "ca": "certificate verified by the CA file", "system": "certificate verified", "nothing": "certificate not verified"}[a.TLS.Verified]
	if verified != "" && !a.TLS.Expires.IsZero() {
		verified += ", good until " + a.TLS.Expires.UTC().Format(day)
	}
	all.add(verified != "", "%s", verified)
	all.add(!a.Clock.IsZero(), "clock %s", clockWord(a.Skew(a.Clock)))
	all.add(a.Ports.IsComplete(), "%s", words.Count(len(a.Ports.Items), "target port"))
	return all
}

func clockWord(off time.Duration) string {
	if off.Abs() <= clockTolerance {
		return "agrees"
	}
	return "is off by " + off.Round(time.Second).String()
}

func lxdFacts(l *evidence.LXD) facts {
	var all facts
	members, pools, records := len(l.Members.Items), len(l.Pools.Items), len(l.Records.Items)
	online := words.HowMany(l.Members.Items, func(m evidence.Member) bool { return m.Online.Is() })
	all.add(l.SeesAll.Is(), "shows all pools and projects")
	all.add(members > 1, "%d of %d members online", online, members)
	all.add(pools > 0, "%s", words.Count(pools, "pool"))
	all.add(records > 0, "%s", words.Count(records, "record"))
	return all
}

func hostFacts(h *evidence.Host) facts {
	var all facts
	sessions, controllers, portals := len(h.Sessions.Items), len(h.Controllers.Items), len(h.Reached)
	live := words.HowMany(h.Controllers.Items, func(c evidence.Controller) bool { return c.State == "live" })
	open := words.HowMany(h.Reached, func(r evidence.Reach) bool { return r.Open.Is() })
	all.add(h.Kernel != "", "Linux %s", h.Kernel)
	all.add(sessions > 0, "%d of %s logged in", words.HowMany(h.Sessions.Items, evidence.Session.Live), words.Count(sessions, "session"))
	all.add(controllers > 0, "%d of %s live", live, words.Count(controllers, "NVMe controller"))
	for _, t := range h.Tools.Items {
		all.add(t.Running.Is(), "%s runs", t.Name)
	}
	all.add(portals > 0, "%d of %s answer", open, words.Count(portals, "portal"))
	return all
}

// silent is about every witness that could not answer all.
func (p *patient) silent(advise func(Advice)) {
	for _, w := range p.judged {
		if !w.Complete {
			advise(Advice{Kind: w.Kind, Witness: w.Name, Subject: w.Title, Observed: w.Reason, Source: "its own words", Into: w.Hint})
		}
	}
}

// bugs are those of LXD's version.
func (p *patient) bugs(advise func(Advice)) {
	l := &p.world.LXD
	for _, b := range settings.BugsOf(l.Version) {
		advise(Advice{
			Check: b.Code, Witness: l.Name, Weight: b.Weight, Subject: "LXD " + l.Version, Observed: "LXD " + l.Version + " " + b.What, Source: "LXD's own version",
			Why: strings.TrimSpace(b.Cause + "; " + b.Effect), Into: b.Upgrade,
		})
	}
}
