package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/words"
)

// listed is which findings scan lists, and in which order. What it hides is
// counted, and changes neither the summary nor the status.
type listed struct {
	since, sort string
	limit       int
}

type sorting struct {
	name string
	less func(a, b diagnose.Finding) int
}

// sorts are the values of --sort, and how two findings compare then.
var sorts = []sorting{
	{"size", func(a, b diagnose.Finding) int {
		return cmp.Or(cmp.Compare(b.Provisioned, a.Provisioned), cmp.Compare(b.Unique.N, a.Unique.N))
	}},
	{"age", func(a, b diagnose.Finding) int { return cmp.Compare(b.Age, a.Age) }},
	{"severity", func(a, b diagnose.Finding) int {
		return cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity))
	}},
}

// severities are from the worst to the least.
var severities = []diagnose.Severity{diagnose.Critical, diagnose.Warning, diagnose.Info}

func sortNames() []string {
	return words.Of(sorts, func(s sorting) string { return s.name })
}

func (l *listed) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "since", Usage: "list only what is not older than `AGE` (6h, 3d) or than a time (2026-11-22, \"2026-11-22 15:04\"), by the column AGE", Destination: &l.since},
		&cli.IntFlag{Name: "limit", Usage: "list at most `N` findings", DefaultText: "all", Destination: &l.limit},
		&choiceFlag{sortNames(), &cli.StringFlag{Name: "sort", Usage: "list them by `ORDER`: " + either(sortNames()), DefaultText: "what to do first", Destination: &l.sort}},
	}
}

// check refuses values that can't be meant.
func (l *listed) check(f format, now time.Time) error {
	_, err := l.oldest(now)
	switch {
	case err != nil:
		return err
	case l.limit < 0:
		return usagef("--limit %d is not a number of findings", l.limit)
	case f == formatHTML && *l != listed{}:
		return usagef("--since, --limit and --sort are for lists; a page of HTML has everything")
	}
	return nil
}

// sinceLayouts are how a time is written, in UTC if it does not say where.
var sinceLayouts = []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

// oldest is the age of the oldest that is listed; 0 is any.
func (l *listed) oldest(now time.Time) (time.Duration, error) {
	if l.since == "" {
		return 0, nil
	}
	age, err := config.ParseDuration(l.since)
	for i := 0; i < len(sinceLayouts) && err != nil; i++ {
		var at time.Time
		if at, err = time.Parse(sinceLayouts[i], l.since); err == nil {
			age = now.Sub(at)
		}
	}
	switch {
	case err != nil:
		return 0, withHint(usagef("--since: %q can't be read", l.since), "an age is written as 90m, 6h or 3d, a time as 2026-11-22 or \"2026-11-22 15:04\", in UTC")
	case age <= 0:
		return 0, usagef("--since %s is not in the past", l.since)
	}
	return age, nil
}

// of are the findings that are listed, in their order. Without --sort they are
// cut in the order of what to do first. What has no age may be new, and is listed.
func (l *listed) of(found []diagnose.Finding, now time.Time) []diagnose.Finding {
	shown := slices.Clone(found)
	if oldest, err := l.oldest(now); err == nil && oldest > 0 {
		shown = slices.DeleteFunc(shown, func(f diagnose.Finding) bool { return f.Age > oldest })
	}
	if l.limit > 0 && l.sort == "" {
		shown = slices.Concat(diagnose.Grouped(shown)...)
	}
	for _, s := range sorts {
		if s.name == l.sort {
			slices.SortStableFunc(shown, s.less)
		}
	}
	if l.limit > 0 && len(shown) > l.limit {
		shown = shown[:l.limit]
	}
	return shown
}

// hidden says what is not listed, by what to do about it; empty for nothing.
func (l *listed) hidden(found, shown []diagnose.Finding) string {
	n := len(found) - len(shown)
	if n <= 0 {
		return ""
	}
	var flags []string
	if l.since != "" {
		flags = append(flags, "--since "+quoteShell(l.since))
	}
	if l.limit > 0 {
		flags = append(flags, fmt.Sprint("--limit ", l.limit))
	}
	all, some := diagnose.Grouped(found), diagnose.Grouped(shown)
	var parts []string
	for i, group := range diagnose.Groups {
		if left := len(all[i]) - len(some[i]); left > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", left, verb(left, group.One, group.Many)))
		}
	}
	return fmt.Sprintf("%s not listed (%s): %s.", count(n, "finding"), strings.Join(flags, ", "), strings.Join(parts, ", "))
}
