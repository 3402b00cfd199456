package evidence

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

// plain are the numbers in the evidence whose zero is no good news, or for
// which it is not possible to be unknown, and why. Any other is a Count: a
// zero that nobody read must not look like one that was counted.
var plain = map[string]string{
	"Array.EradicationDelay": "zero is not known, and refuses a destroy",
	"Complaint.Line":         "a line of a file",
	"Connection.LUN":         "a name; zero is not known, and matches any",
	"Connection.NSID":        "a name; zero is not known",
	"Daemon.PID":             "a name; zero is not known",
	"Disk.Session":           "a name; zero is none",
	"Member.PID":             "a name; zero is not known",
	"Pod.Remaining":          "zero is no time left",
	"Reach.TookMS":           "measured here",
	"Session.ID":             "a name",
	"Setting.Line":           "a line of a file",
	"Sighting.Provisioned":   "one without a time of its last look is of an older version, and does not count",
	"Snapshot.Provisioned":   "a list of snapshots without it is not complete",
	"Snapshot.Remaining":     "zero is no time left",
	"Source.Requests":        "counted here",
	"StaleSighting.LUN":      "a name, held against Connection.LUN",
	"StaleSighting.NSID":     "a name, held against Connection.NSID",
	"Use.PID":                "a name; zero is not known",
	"Volume.Provisioned":     "a list of volumes without it is not complete",
	"Volume.Remaining":       "zero is no time left",
}

// TestPlainNumbers rejects new plain numbers in the evidence.
func TestPlainNumbers(t *testing.T) {
	var found []string
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(typ.Elem())
		case reflect.Map:
			walk(typ.Key())
			walk(typ.Elem())
		case reflect.Struct:
			if seen[typ] || typ == reflect.TypeFor[time.Time]() || typ == reflect.TypeFor[Count]() {
				return
			}
			seen[typ] = true
			for _, field := range reflect.VisibleFields(typ) {
				if field.Type.Kind() >= reflect.Int && field.Type.Kind() <= reflect.Float64 && field.Type != reflect.TypeFor[Answer]() && len(field.Index) == 1 {
					found = append(found, typ.Name()+"."+field.Name)
				}
				walk(field.Type)
			}
		}
	}
	walk(reflect.TypeFor[World]())
	slices.Sort(found)
	for _, name := range found {
		if plain[name] == "" {
			t.Errorf("%s is a plain number: make it a Count, or say in this test why its zero is no good news", name)
		}
	}
	for name := range plain {
		if !slices.Contains(found, name) {
			t.Errorf("%s is no plain number of the evidence any more", name)
		}
	}
	if len(found) == 0 {
		t.Error("no numbers were found at all: this test is blind")
	}
}
