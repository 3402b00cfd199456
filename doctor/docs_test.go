package doctor_test

import (
	"os"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/doctor"
	"github.com/pureclean/pureclean/settings"
)

// TestDocumented: docs/doctor.md names every code that an answer can hold.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	named := func(code string) {
		if !strings.Contains(string(page), "`"+code+"`") {
			t.Errorf("docs/doctor.md does not name %s", code)
		}
	}
	for _, c := range doctor.Checks {
		named(c.Code)
	}
	for _, r := range settings.Rules {
		named(r.Code)
	}
	for _, b := range settings.Bugs {
		named(b.Code)
	}
}
