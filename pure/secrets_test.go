package pure

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestSecretsInAnySpelling: an answer may repeat a token in capitals or
// encoded, cut off, or as the name of something; it is still in no error, no
// hint, no log and no evidence.
func TestSecretsInAnySpelling(t *testing.T) {
	spellings := map[string]func(string) string{
		"capitals": strings.ToUpper,
		"percent":  func(s string) string { return strings.ReplaceAll(url.QueryEscape(s+"\n"), "-", "%2D") },
		"base64":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte("bearer " + s)) },
		"cut":      func(s string) string { return strings.Repeat("x ", 136) + s + " and more" },
		"in lines": func(s string) string { return s[:9] + "\n  " + s[9:] },
	}
	answers := map[string]func(http.ResponseWriter, string){
		"refused": func(w http.ResponseWriter, echo string) { refuse(w, 400, encode(object{"message": echo})) },
		"escaped": func(w http.ResponseWriter, echo string) {
			var b strings.Builder
			for i := range len(echo) {
				fmt.Fprintf(&b, `\u%04X`, echo[i])
			}
			refuse(w, 400, `{"errors":[{"context":"`+b.String()+`","message":"no"}]}`)
		},
		"no JSON": func(w http.ResponseWriter, echo string) { fmt.Fprint(w, echo) },
		"a name": func(w http.ResponseWriter, echo string) {
			row := volumeRow("lxd", "u-1", 1)
			row["subtype"], row["source"] = echo, object{"name": echo}
			fmt.Fprintf(w, `{"items":[%s],"more_items_remaining":false,"total_item_count":1}`, encode(row))
		},
	}
	for spelled, spell := range spellings {
		for answered, answer := range answers {
			for _, at := range []string{"login", "volumes"} {
				if answered == "a name" && (at == "login" || spelled != "capitals") {
					continue // a name in another spelling is a name
				}
				s := newStub(t).fill()
				s.before = func(w http.ResponseWriter, r *http.Request, path string, _ int) bool {
					if path == at {
						answer(w, spell(cmp.Or(r.Header.Get("Api-Token"), r.Header.Get("X-Auth-Token"))))
					}
					return path == at
				}
				var told bytes.Buffer
				o := testOptions(&waits{})
				o.Log = slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug}))
				r, err := Open(t.Context(), s.access(), o)
				if err == nil {
					if err := json.NewEncoder(&told).Encode(r.Observe(t.Context(), []string{"lxd"})); err != nil {
						t.Fatal(err)
					}
					err = r.Close(t.Context())
				}
				fmt.Fprintln(&told, err, Hint(err))
				for _, secret := range []string{goodToken, "session-key-number-1"} {
					for _, form := range []string{secret, spell(secret), secret[:18]} {
						form = strings.TrimSpace(strings.ReplaceAll(strings.Trim(form, "x "), " and more", ""))
						if strings.Contains(strings.ToLower(told.String()), strings.ToLower(form)) {
							t.Errorf("%s, %s at %s: %q is told in %s", spelled, answered, at, form, told.String())
						}
					}
				}
				if answered != "no JSON" && !strings.Contains(told.String(), "[redacted]") {
					t.Errorf("%s, %s at %s: nothing was repeated: %s", spelled, answered, at, told.String())
				}
			}
		}
	}
}
