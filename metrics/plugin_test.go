package metrics

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// pluginLine is what a monitoring system makes of the first line of a
// plugin. It is read by the text of the Monitoring Plugins Development
// Guidelines alone, and shares nothing with the code that prints it.
type pluginLine struct {
	service, status, text string
	perf                  []perfDatum
}

type perfDatum struct{ label, value, unit, warning, critical, least, most string }

var (
	pluginHead  = regexp.MustCompile(`^([A-Z]+) (OK|WARNING|CRITICAL|UNKNOWN) - (.*)$`)
	perfItem    = regexp.MustCompile(`^([^' =]+)=(U|-?[0-9]+(?:\.[0-9]+)?)(s|us|ms|%|B|KB|MB|TB|c)?((?:;[^;]*){0,4})$`)
	perfRange   = regexp.MustCompile(`^(@?(?:(?:~|-?[0-9.]+):)?(?:-?[0-9.]+)?)?$`)
	perfNumeral = regexp.MustCompile(`^(-?[0-9.]+)?$`)
)

func parsePlugin(line string) (pluginLine, error) {
	var p pluginLine
	if strings.ContainsAny(line, "\n\r\x00") {
		return p, fmt.Errorf("%q is not one line", line)
	}
	text, perf, _ := strings.Cut(line, "|")
	if strings.Contains(perf, "|") {
		return p, fmt.Errorf("%q has more than one bar", line)
	}
	head := pluginHead.FindStringSubmatch(strings.TrimSpace(text))
	if head == nil {
		return p, fmt.Errorf("%q does not begin as a plugin's line", line)
	}
	p.service, p.status, p.text = head[1], head[2], head[3]
	for item := range strings.FieldsSeq(perf) {
		m := perfItem.FindStringSubmatch(item)
		if m == nil {
			return p, fmt.Errorf("%q is not performance data", item)
		}
		ends := append(strings.Split(strings.TrimPrefix(m[4], ";"), ";"), "", "", "", "")
		d := perfDatum{m[1], m[2], m[3], ends[0], ends[1], ends[2], ends[3]}
		if !perfRange.MatchString(d.warning) || !perfRange.MatchString(d.critical) || !perfNumeral.MatchString(d.least) || !perfNumeral.MatchString(d.most) {
			return p, fmt.Errorf("%q has a range that is none", item)
		}
		p.perf = append(p.perf, d)
	}
	return p, nil
}

func TestTheParserOfLinesIsStrict(t *testing.T) {
	for _, line := range []string{
		"", "OK - fine", "PURECLEAN FINE - x", "PURECLEAN OK - a\nb", "PURECLEAN OK - a | b=1 | c=2",
		"PURECLEAN OK - a | b", "PURECLEAN OK - a | b=x", "PURECLEAN OK - a | b=1GiB", "PURECLEAN OK - a | b=1;x", "PURECLEAN OK - a | b=1e9", "PURECLEAN OK - a | b=1;2;3;4;5;6",
	} {
		if p, err := parsePlugin(line); err == nil {
			t.Errorf("%q is taken for %+v", line, p)
		}
	}
	p, err := parsePlugin("DISK WARNING - full | /=2643MB;5948;@5958:;0;5968 x=U")
	if err != nil || len(p.perf) != 2 || p.perf[0] != (perfDatum{"/", "2643", "MB", "5948", "@5958:", "0", "5968"}) {
		t.Errorf("%+v, %v", p, err)
	}
}
