package diagnose

import "testing"

// Whoever is refused is told what makes it pass.
func TestEveryGateCanBeMended(t *testing.T) {
	for _, g := range Gates {
		if mends[g.Name] == "" {
			t.Errorf("gate %s does not say what makes it pass", g.Name)
		}
	}
	if len(mends) > len(Gates) {
		t.Errorf("%d are mended, and there are %d gates", len(mends), len(Gates))
	}
}
