package secret

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestNothingPrintsASecret(t *testing.T) {
	const token = "11111111-2222-3333-4444-555555555555"
	s := New(token)
	holder := struct{ Token Text }{s}
	hidden := struct{ token Text }{s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb+verb+"\n", s, &s, holder, hidden)
	}
	log := slog.New(slog.NewJSONHandler(&out, nil))
	log.Info("login", "token", s, "holder", holder)
	slog.New(slog.NewTextHandler(&out, nil)).Info("login", "token", s, "holder", holder)
	if err := json.NewEncoder(&out).Encode(holder); err != nil {
		t.Fatal(err)
	}
	if err := yaml.NewEncoder(&out).Encode(holder); err != nil {
		t.Fatal(err)
	}
	hex := fmt.Sprintf("%x", token)
	for _, leak := range []string{token, hex, strings.ToUpper(hex), "11111111"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the secret was printed:\n%s", out.String())
		}
	}
	if s.Reveal() != token || s.IsEmpty() || !New("").IsEmpty() || New("").String() != "" {
		t.Error("the secret itself is lost")
	}
}
