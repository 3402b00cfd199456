// Package diagnose judges what the witnesses said: it turns an evidence.World
// into findings, and for each finding says gate by gate whether anything may
// be changed. It knows no clock, no network and no file; the same evidence
// always gives the same report.
//
// Two declared tables hold the rules. Kinds lists what can be found, Gates
// lists the reasons that must hold before something is changed. Every gate is
// three-valued, and only a pass (or an operator's explicit waiver) counts:
// evidence that is missing can turn a safe finding into a blocked one and
// never the other way round.
package diagnose

import (
	"cmp"
	"slices"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// Report is the judgement of one world.
type Report struct {
	// Complete is false when a witness could not tell everything; Doubts
	// says of each list or answer that is missing which one and why.
	Complete  bool
	Doubts    []string
	Witnesses []Witness
	Findings  []Finding
	Pools     []PoolSummary
	Summary   Summary
	// Asked are the pools that the question was limited to; none for all.
	Asked []string
}

// In says of what pools it is, where not of all: " in nvpool".
func (r *Report) In() string {
	if len(r.Asked) == 0 {
		return ""
	}
	return " in " + list(r.Asked)
}

// Witness is one source and whether it could testify fully.
type Witness struct {
	// Kind is array, lxd or host.
	Kind string
	// Name is its own, Title one phrase for people: "LXD 6.9, 3 members".
	Name  string
	Title string
	// Complete is false when something may be missing, for Reason.
	Complete bool
	Reason   string
	// Hint is what the operator can do about it.
	Hint     string
	Took     time.Duration
	Requests int
	// Recorded marks a host's testimony that comes from a file.
	Recorded bool
}

// PoolSummary is one pool and its pod.
type PoolSummary struct {
	Name string
	// Array is the array's name, or its URL when it did not answer.
	Array   string
	ArrayID string
	// Mode is the pool's transport, as evidence.Pool has it.
	Mode string
	// Volumes counts the pod's live volumes, Snapshots its live snapshots,
	// Records LXD's records of volumes and snapshots of the pool.
	Volumes   int
	Snapshots int
	Records   int
	// Leaked counts volumes that only a repair would remove.
	Leaked int
	// Listed is false when the array may have more than is listed, Recorded when
	// LXD may: Volumes and Snapshots, or Records, are then the least that there
	// are. Counted is false when volumes may be missing that leaked, or that
	// could not be judged: so is Leaked then.
	Listed   bool
	Recorded bool
	Counted  bool
	// Quota, OfQuota, Provisioned and Used are the pod's, in bytes.
	Quota       evidence.Count
	OfQuota     evidence.Count
	Provisioned evidence.Count
	Used        evidence.Count
}

// Summary is the report in numbers.
type Summary struct {
	Findings int
	ByCode   map[string]int
	// LeakedVolumes counts distinct volumes whose finding's kind is marked as
	// leaked; LeakedBytes is what they may grow to, LeakedUnique what only
	// they occupy, not known when it is not known of one.
	LeakedVolumes int
	LeakedBytes   int64
	LeakedUnique  evidence.Count
	// Counted is false when more volumes may have leaked than these.
	Counted bool
	// Oldest is the age of the oldest leaked volume, 0 when not known, and
	// OldestObject its name.
	Oldest       time.Duration
	OldestObject string
}

// Judge reads the world once and reports everything that is not as it should
// be.
func Judge(w evidence.World, p Policy) Report {
	f := newFacts(&w, p)
	report := Report{Asked: p.Pools, Witnesses: f.witnesses(), Pools: f.summaries(), Findings: f.findings()}
	report.Doubts = f.doubts(report.Witnesses)
	report.Complete = len(report.Doubts) == 0
	report.Summary = Summarise(report.Findings)
	report.Summary.Counted = report.counted()
	return report
}

// counted reports that what leaked is known of each pool, and which pools there
// are.
func (r *Report) counted() bool {
	return !slices.ContainsFunc(r.Pools, func(p PoolSummary) bool { return !p.Counted }) && (len(r.Pools) > 0 || r.Complete)
}

// Leaks are what a summary says of leaked volumes, their number and their size:
// none is a number only where all could be counted.
func (s Summary) Leaks() (volumes, bytes, unique evidence.Count) {
	if s.LeakedVolumes == 0 && !s.Counted {
		return
	}
	return evidence.CountOf(int64(s.LeakedVolumes)), evidence.CountOf(s.LeakedBytes), s.LeakedUnique
}

// findings runs every kind's check and every gate of what it found.
func (f *facts) findings() []Finding {
	var all []Finding
	judge := newJudge(Gates)
	order := make(map[string]int, len(Kinds))
	for i := range Kinds {
		kind := &Kinds[i]
		order[kind.Code] = i
		if f.policy.Codes != nil && !slices.Contains(f.policy.Codes, kind.Code) {
			continue
		}
		for _, d := range kind.Check(f) {
			all = append(all, judge.finding(f, kind, d))
		}
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Severity.rank(), b.Severity.rank()),
			cmp.Compare(a.Pool, b.Pool),
			cmp.Compare(order[a.Code], order[b.Code]),
			cmp.Compare(a.Object, b.Object),
			cmp.Compare(a.Host, b.Host),
		)
	})
	return all
}

// Summarise adds findings up.
func Summarise(findings []Finding) Summary {
	s := Summary{Findings: len(findings), ByCode: map[string]int{}, LeakedUnique: evidence.CountOf(0)}
	counted := map[string]bool{}
	for _, finding := range findings {
		s.ByCode[finding.Code]++
		kind, _ := KindOf(finding.Code)
		if !kind.Leaked || counted[finding.ArrayID+finding.VolumeID+finding.Object] {
			continue
		}
		counted[finding.ArrayID+finding.VolumeID+finding.Object] = true
		s.LeakedVolumes++
		s.LeakedBytes += finding.Provisioned
		s.LeakedUnique = s.LeakedUnique.Plus(finding.Unique)
		if finding.Age > s.Oldest {
			s.Oldest, s.OldestObject = finding.Age, finding.Object
		}
	}
	return s
}
