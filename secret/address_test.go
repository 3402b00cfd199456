package secret

import (
	"strings"
	"testing"
)

func TestAddress(t *testing.T) {
	for _, same := range []string{"", "fa1", "https://fa1", "https://10.0.0.1:8443/behind/proxy/", "https://[fd00::1]", "ftp://fa1", "https://"} {
		if got := Address(same); got != same {
			t.Errorf("%q became %q", same, got)
		}
	}
	for url, want := range map[string]string{
		"https://someuser:hunter2@fa1/":          "https://fa1/",
		"https://someuser@fa1:8443":              "https://fa1:8443",
		"https://someuser:hunt@er2@fa1":          "https://fa1",
		"https://someuser:hunter2%40fa1":         "https://fa1",
		"https://someuser:hunter2%40x@fa1":       "https://fa1",
		"https://someuser:hun/ter2@fa1":          "https://fa1",
		"https://someuser:hun?ter2#x@fa1":        "https://fa1",
		"https://someuser:hun://ter2@fa1":        "https://fa1",
		"https://someuser:hunter2%zz@fa1:port":   "https://fa1:port",
		"someuser:hunter2@fa1":                   "fa1",
		"someuser:hunter2://x@fa1":               "fa1",
		"https://fa1?token=hunter2":              "https://fa1",
		"https://fa1/#hunter2":                   "https://fa1/",
		"https://someuser:hunter2@fa1?x=someone": "https://fa1",
	} {
		if got := Address(url); got != want {
			t.Errorf("%q is shown as %q, want %q", url, got, want)
		}
		if got := Address(Address(url)); got != want || strings.Contains(got, "hunter2") {
			t.Errorf("%q is shown again as %q", url, got)
		}
	}
}
