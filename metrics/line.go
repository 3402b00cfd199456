package metrics

import (
	"cmp"
	"fmt"
	"math"
	"strings"
)

// Status is how a monitoring plugin ends.
type Status int

// The statuses, which are the exit statuses of the plugins' convention.
const (
	OK Status = iota
	Warning
	Critical
	Unknown
)

func (s Status) String() string {
	return cmp.Or(map[Status]string{OK: "OK", Warning: "WARNING", Critical: "CRITICAL"}[s], "UNKNOWN")
}

// Thresholds are the ranges of one figure.
type Thresholds struct{ Warning, Critical Range }

// Defaults are the thresholds that nobody set, by the figures' labels.
func Defaults() map[string]Thresholds {
	all := make(map[string]Thresholds, len(Figures))
	for i := range Figures {
		all[Figures[i].Label] = Figures[i].Default
	}
	return all
}

// Value is one figure of a reading, with its thresholds.
type Value struct {
	*Figure
	Limits Thresholds
	// Known is false when nobody could say.
	Known  bool
	Value  float64
	Status Status
}

// Verdict is what monitoring is told in one word, and why.
type Verdict struct {
	Status Status
	Values []Value
}

// Judge holds a reading against thresholds. Critical wins over everything: a
// check that could not see all must not hide what it did see. Then comes
// unknown: findings that are missing are no good news, and so comes before
// warning and OK.
func Judge(r *Reading, thresholds map[string]Thresholds) Verdict {
	var v Verdict
	for i := range Figures {
		value := Value{Figure: &Figures[i], Limits: thresholds[Figures[i].Label]}
		value.Value, value.Known = value.of(r)
		switch {
		case !value.Known:
		case value.Limits.Critical.alerts(value.Value):
			value.Status = Critical
		case value.Limits.Warning.alerts(value.Value):
			value.Status = Warning
		}
		v.Status = max(v.Status, value.Status)
		v.Values = append(v.Values, value)
	}
	if !r.Complete() || r.Runs.Trouble != "" {
		v.Doubt() // that an interrupted run may have left paths offline is no good news either
	}
	return v
}

// Doubt makes the status unknown unless it is critical.
func (v *Verdict) Doubt() {
	if v.Status != Critical {
		v.Status = Unknown
	}
}

// Get finds a figure's value.
func (v *Verdict) Get(label string) Value {
	for _, value := range v.Values {
		if value.Label == label {
			return value
		}
	}
	return Value{}
}

// Line is the plugin's line: "PURECLEAN OK - text | performance data".
func (v *Verdict) Line(text string) string {
	perf := make([]string, 0, len(v.Values))
	for _, value := range v.Values {
		perf = append(perf, value.perf())
	}
	return fmt.Sprintf("PURECLEAN %s - %s | %s", v.Status, Plain(text), strings.Join(perf, " "))
}

// Plain is text in which no bar can end it: what follows one is performance
// data, and names are given by others.
func Plain(text string) string { return strings.ReplaceAll(text, "|", `\x7c`) }

// perf is label=value[unit];[warning];[critical];[least]. U is the
// convention's word for a value that is not known.
func (v *Value) perf() string {
	value := "U"
	if v.Known {
		value = number(math.Round(v.Value*1000)/1000) + v.Unit
	}
	return fmt.Sprintf("%s=%s;%s;%s;0", v.Label, value, v.Limits.Warning, v.Limits.Critical)
}
