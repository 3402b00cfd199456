package doctor

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/settings"
)

// eachArray asks about each array that answered.
func eachArray(find func(p *patient, a *evidence.Array, advise func(Advice))) func(*patient, func(Advice)) {
	return func(p *patient, advise func(Advice)) {
		for a := range evidence.Refs(p.world.Arrays) {
			find(p, a, func(one Advice) { one.Witness = a.Name; advise(one) })
		}
	}
}

func (p *patient) role(a *evidence.Array, advise func(Advice)) {
	if a.Role == "readonly" {
		advise(Advice{
			Subject: "the token's role", Observed: "the token is of user " + a.User + ", whose role is readonly", Source: "the array's list of users",
			Into: "give the token of a user with a role that may change volumes to whoever is to run pureclean fix",
		})
	}
}

func (p *patient) tls(a *evidence.Array, advise func(Advice)) {
	if a.TLS.Verified != "nothing" {
		return
	}
	advice := Advice{
		Subject: "the array's certificate", Observed: "the array's certificate is not verified", Source: "pure.gateway.verify=false of the pool",
		// A second "pools:", or a pool twice, makes the file one that can't be read.
		Into: "/etc/pureclean/config.yaml, below its one line pools: and as part of what it has of that pool",
	}
	for _, pod := range a.Asked {
		advice.Write = append(advice.Write, "  "+pod+": {array: {fingerprint: "+cmp.Or(a.TLS.Fingerprint, "sha256:…")+"}}")
	}
	if a.TLS.Fingerprint == "" {
		advice.Write, advice.Into = nil, "use https in pure.gateway"
	}
	advise(advice)
}

// certificateNotice is how early a certificate's end is told of.
const certificateNotice = 30 * 24 * time.Hour

func (p *patient) certificate(a *evidence.Array, advise func(Advice)) {
	left := a.TLS.Expires.Sub(a.Ended)
	if a.TLS.Expires.IsZero() || a.Ended.IsZero() || left > certificateNotice {
		return
	}
	observed := "the array's certificate is good until " + a.TLS.Expires.UTC().Format(day)
	if left <= 0 {
		observed = "the array's certificate expired on " + a.TLS.Expires.UTC().Format(day)
	}
	advise(Advice{
		Subject: "the array's certificate", Observed: observed, Source: "the array",
		Into: "renew it on the array; then the fingerprint in pureclean's configuration changes too",
	})
}

const day = "2006-01-02"

// clockTolerance is what NTP keeps to by far, and seconds-wide headers allow.
const clockTolerance = 30 * time.Second

func (p *patient) clocks(advise func(Advice)) {
	compare := func(kind, name string, s evidence.Source, clock time.Time) {
		off := s.Skew(clock)
		if off.Abs() <= clockTolerance {
			return
		}
		way := "ahead of"
		if off < 0 {
			way = "behind"
		}
		advise(Advice{
			Kind: kind, Witness: name, Subject: "the clock", Observed: "its clock is " + off.Abs().Round(time.Second).String() + " " + way + " this machine's",
			Source: "compared while it was asked", Into: "let the array, the members and this machine follow the same NTP servers",
			Then: []string{"timedatectl status"},
		})
	}
	for _, a := range p.world.Arrays {
		compare(array, a.Name, a.Source, a.Clock)
	}
	for _, h := range p.world.Hosts {
		compare(host, h.Name, h.Source, h.Clock)
	}
}

// ofFindings turns findings of diagnose into advice: what scan judges is not
// judged once more.
func ofFindings(wanted func(diagnose.Finding) bool, of func(diagnose.Finding) Advice) func(*patient, func(Advice)) {
	return func(p *patient, advise func(Advice)) {
		for _, f := range p.found {
			if wanted(f) {
				advise(of(f))
			}
		}
	}
}

var eradication = ofFindings(func(f diagnose.Finding) bool {
	return f.Code == "unsafe-setting" && f.Object == "eradication delay"
}, func(f diagnose.Finding) Advice {
	return Advice{Witness: f.Host, Subject: f.Object, Observed: f.Detail, Source: "the array", Why: f.Effect, Into: strings.Join(f.Remedy, "; ")}
})

func (p *patient) safeMode(a *evidence.Array, advise func(Advice)) {
	if a.ManualEradication == "all-disabled" {
		advise(Advice{
			Subject: "SafeMode", Observed: "SafeMode is on: manual eradication is all-disabled", Source: "the array",
			Into: "SafeMode is worth more than this: keep it, and delete a record that is stuck in LXD once the array has eradicated its volume",
		})
	}
}

func (p *patient) quota(a *evidence.Array, advise func(Advice)) {
	for _, pod := range a.Pods.Items {
		quota, used := pod.Quota.N, pod.OfQuota().N
		if quota <= 0 || used*10 < quota*8 || pod.Destroyed.Is() {
			continue
		}
		advice := Advice{
			Subject: "quota of pod " + pod.Name, Observed: fmt.Sprintf("%d %% of the quota of pod %s is used", used*100/quota, pod.Name), Source: "the array",
			Then: []string{"pureclean scan --pool " + settings.Shell(pod.Name)},
		}
		if used*10 < quota*9 {
			advice.Weight = settings.Hint
		}
		advise(advice)
	}
}

func (p *patient) collisions(advise func(Advice)) {
	arrayOf := func(f diagnose.Finding) string {
		if a := evidence.Find(p.world.Arrays, func(a *evidence.Array) bool { return a.ID == f.ArrayID }); a != nil {
			return a.Name
		}
		return ""
	}
	ofFindings(func(f diagnose.Finding) bool { return f.Code == "hijacked-host" }, func(f diagnose.Finding) Advice {
		return Advice{
			Witness: arrayOf(f), Subject: "array host " + f.Object, Observed: f.Object + ": " + f.Detail, Source: "the array's hosts against the machines' initiators",
			Why:  "LXD overwrites the initiators of an array host of the name it wants: two servers of one name cut each other off, or share their volumes",
			Then: []string{"pureclean explain --object " + settings.Shell(f.Object)},
		}
	})(p, advise)
	// One line for all connections of strangers to a pod of ours.
	strangers := map[string][]string{}
	var order []string
	for _, f := range p.found {
		if f.Code == "foreign-connection" && f.Pool != "" {
			key := arrayOf(f) + "\x00" + f.Pool
			if strangers[key] == nil {
				order = append(order, key)
			}
			strangers[key] = append(strangers[key], f.Object)
		}
	}
	for _, key := range order {
		name, pool, _ := strings.Cut(key, "\x00")
		advise(Advice{
			Witness: name, Weight: settings.Warning, Subject: "pod " + pool,
			Observed: fmt.Sprintf("%s connected to hosts that are not in this cluster, such as %s", have(len(strangers[key]), "volume"), strangers[key][0]),
			Source:   "the array's connections", Why: "another LXD may use the same pod: each takes the other's volumes for leftovers, and pureclean refuses to touch them",
			Then: []string{"pureclean scan --pool " + settings.Shell(pool)},
		})
	}
}

// have is "1 volume is" or "3 volumes are".
func have(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return fmt.Sprintf("%d %ss are", n, noun)
}
