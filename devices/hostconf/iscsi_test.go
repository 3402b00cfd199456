package hostconf

import (
	"strings"
	"testing"
)

func FuzzConfiguration(f *testing.F) {
	f.Add("node.startup = manual\nnode.session.auth.password = hunter2\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		for _, s := range parseISCSIConf("/f", text) {
			if s.Line < 1 || s.Line > lines || s.File != "/f" || s.Name == "" {
				t.Errorf("%+v of %d lines", s, lines)
			}
			if key := strings.TrimPrefix(s.Name, "iscsi "); strings.Contains(key, "password") {
				t.Errorf("a credential: %+v", s)
			}
		}
	})
}
