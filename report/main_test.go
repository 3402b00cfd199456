package report_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/records"
	"github.com/pureclean/pureclean/report"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/witness"
)

func TestMain(m *testing.M) { os.Exit(worlds.Run(m)) }

// demoJudged is the demo's world, looked at.
func demoJudged(t *testing.T) report.Judged {
	t.Helper()
	return look(t, worlds.Demo(t))
}

// scenario is the world of a scenario, looked at.
func scenario(t *testing.T, s simulator.Scenario) report.Judged {
	t.Helper()
	w, err := s.Build()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return look(t, w)
}

// look asks the witnesses by the world's clock, so that the same world gives
// the same page.
func look(t *testing.T, w *simulator.World) report.Judged {
	t.Helper()
	world, err := witness.Ask(context.Background(), witness.Options{
		Config:  worlds.Settings(w),
		Records: records.Options{Socket: w.Socket, Now: w.Clock.Now},
		Array:   pure.Options{Now: w.Clock.Now},
		Host:    w.Hosts[0].System(), Seen: w.Seen, Now: w.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	policy := diagnose.DefaultPolicy()
	return report.Judged{World: world, Policy: policy, Report: diagnose.Judge(world, policy), Time: w.Clock.Now(), Version: "1.2.3"}
}

func scan(t *testing.T, j report.Judged) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Scan(&b, j); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func explain(t *testing.T, j report.Judged, object string) (string, diagnose.Explanation) {
	t.Helper()
	e, err := diagnose.Explain(j.World, j.Policy, object, "")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := report.Explain(&b, j, e); err != nil {
		t.Fatal(err)
	}
	return b.String(), e
}

// element is one element of a page.
type element struct {
	name       string
	attributes map[string]string
	// text is all text below it.
	text string
	// class names.
	classes []string
}

func (e element) is(class string) bool { return slices.Contains(e.classes, class) }

// elements reads a page, which is written so that an XML parser can: every
// element is closed, every attribute quoted. A name that broke out of its
// place would not get through here.
func elements(t *testing.T, page string) []element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(page, "<!DOCTYPE html>\n")))
	d.Entity = xml.HTMLEntity
	var all []element
	var texts [][]byte
	var open []int
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%.2000s", err, page[max(0, min(int(d.InputOffset())-1000, len(page))):])
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				if _, twice := e.attributes[a.Name.Local]; twice {
					t.Errorf("<%s> has %s twice", e.name, a.Name.Local)
				}
				e.attributes[a.Name.Local] = a.Value
			}
			e.classes = strings.Fields(e.attributes["class"])
			open = append(open, len(all))
			all, texts = append(all, e), append(texts, nil)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, i := range open {
				texts[i] = append(texts[i], token...)
			}
		}
	}
	if len(open) > 0 || len(all) == 0 {
		t.Fatalf("%d elements, %d left open", len(all), len(open))
	}
	for i := range all {
		all[i].text = string(texts[i])
	}
	return all
}
