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

func arrayFacts(a *evidence.Array) []string {
	var facts []string
	add := func(ok bool, format string, args ...any) {
		if ok {
			facts = append(facts, fmt.Sprintf(format, args...))
		}
	}
	add(a.Version != "", "Purity %s", a.Version)
	add(a.API != "", "REST %s", a.API)
	add(a.Newest != "" && a.Newest != a.API, "offers up to %s", a.Newest)
	add(a.User != "", "token of %s, %s", a.User, cmp.Or(a.Role, "role not known"))
	verified := map[string]string{"fingerprint": "certificate pinned", "ca": "certificate verified by the CA file", "system": "certificate verified", "nothing": "certificate not verified"}[a.TLS.Verified]
	if verified != "" && !a.TLS.Expires.IsZero() {
		verified += ", good until " + a.TLS.Expires.UTC().Format(day)
	}
	add(verified != "", "%s", verified)
	add(!a.Clock.IsZero(), "clock %s", clockWord(a.Skew(a.Clock)))
	add(a.Ports.IsComplete(), "%s", words.Count(len(a.Ports.Items), "target port"))
	return facts
}

func clockWord(off time.Duration) string {
	if off.Abs() <= clockTolerance {
		return "agrees"
	}
	return "is off by " + off.Round(time.Second).String()
}

func lxdFacts(l *evidence.LXD) []string {
	var facts []string
	if l.SeesAll.Is() {
		facts = append(facts, "shows all pools and projects")
	}
	online := words.HowMany(l.Members.Items, func(m evidence.Member) bool { return m.Online.Is() })
	if n := len(l.Members.Items); n > 1 {
		facts = append(facts, fmt.Sprintf("%d of %d members online", online, n))
	}
	if n := len(l.Pools.Items); n > 0 {
		facts = append(facts, words.Count(n, "pool"))
	}
	if n := len(l.Records.Items); n > 0 {
		facts = append(facts, words.Count(n, "record"))
	}
	return facts
}

func hostFacts(h *evidence.Host) []string {
	var facts []string
	if h.Kernel != "" {
		facts = append(facts, "Linux "+h.Kernel)
	}
	live := words.HowMany(h.Sessions.Items, evidence.Session.Live)
	if n := len(h.Sessions.Items); n > 0 {
		facts = append(facts, fmt.Sprintf("%d of %s logged in", live, words.Count(n, "session")))
	}
	live = words.HowMany(h.Controllers.Items, func(c evidence.Controller) bool { return c.State == "live" })
	if n := len(h.Controllers.Items); n > 0 {
		facts = append(facts, fmt.Sprintf("%d of %s live", live, words.Count(n, "NVMe controller")))
	}
	for _, t := range h.Tools.Items {
		if t.Running.Is() {
			facts = append(facts, t.Name+" runs")
		}
	}
	open := words.HowMany(h.Reached, func(r evidence.Reach) bool { return r.Open.Is() })
	if n := len(h.Reached); n > 0 {
		facts = append(facts, fmt.Sprintf("%d of %s answer", open, words.Count(n, "portal")))
	}
	return facts
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
