package secret_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/secret"
)

const token = "7c1d2a90-5b3e-4f68-9a1b-c2d3e4f50617"

// spellings are what an answer may make of a text.
var spellings = map[string]func(string) string{
	"as it is": func(s string) string { return s },
	"capitals": strings.ToUpper,
	"mixed": func(s string) string {
		var b strings.Builder
		for i, r := range s {
			if i%2 == 0 {
				b.WriteString(strings.ToUpper(string(r)))
			} else {
				b.WriteRune(r)
			}
		}
		return b.String()
	},
	"a query":         url.QueryEscape,
	"percent":         func(s string) string { return each(s, "%%%02X") },
	"percent, small":  func(s string) string { return each(s, "%%%02x") },
	"JSON":            func(s string) string { return each(s, `\u%04x`) },
	"JSON, capitals":  func(s string) string { return each(s, `\u%04X`) },
	"hex escapes":     func(s string) string { return each(s, `\x%02x`) },
	"octal":           func(s string) string { return each(s, `\%03o`) },
	"HTML":            func(s string) string { return each(s, "&#%d;") },
	"HTML, hex":       func(s string) string { return each(s, "&#x%x;") },
	"quoted":          func(s string) string { return each(s, "=%02X") },
	"HTML escaped":    html.EscapeString,
	"base64":          func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 of more":  func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("u:" + s + "?")) },
	"base64 in lines": func(s string) string { return broken(base64.StdEncoding.EncodeToString([]byte(s))) },
	"hexadecimal":     func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEXADECIMAL":     func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"in lines":        broken,
	"without dashes":  func(s string) string { return strings.ReplaceAll(s, "-", "") },
	"wide":            func(s string) string { return strings.Join(strings.Split(s, ""), "\x00") },
	"quoted by Go":    func(s string) string { return fmt.Sprintf("%q", broken(s)) },
}

func each(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}

func broken(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 && i%7 == 0 {
			b.WriteString("\r\n ")
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// TestConceal: however a secret is spelled, also in two layers, nothing of it
// is left, and the words around it are.
func TestConceal(t *testing.T) {
	var c secret.Concealer
	c.Hide(secret.New("another-0123456789-secret"))
	c.Hide(secret.New(token))
	for inner, in := range spellings {
		for _, outer := range []string{"as it is", "percent", "JSON", "HTML, hex", "base64", "base64 of more", "hexadecimal", "in lines", "quoted by Go"} {
			out := spellings[outer]
			for _, around := range [][2]string{{"no user of token (", ") is known"}, {"X", "Y"}} {
				text := around[0] + out(in(token)) + around[1]
				got := c.Conceal(text)
				if !strings.Contains(got, "[redacted]") || len(got) > len(around[0])+len(around[1])+40 {
					t.Errorf("%s of %s: %q became %q", outer, inner, text, got)
				}
				if words := around[1]; strings.HasPrefix(words, ")") && !strings.HasSuffix(got, " is known") {
					t.Errorf("%s of %s: the words are lost: %q", outer, inner, got)
				}
			}
		}
	}
}

// TestConcealCut: a text that was cut in the middle of a secret does not show
// what is left of it, but for so few letters that they are of no use.
func TestConcealCut(t *testing.T) {
	var c secret.Concealer
	c.Hide(secret.New(token))
	for name, spell := range spellings {
		text := spell(token)
		for _, got := range []string{c.Conceal("it is " + text[:len(text)*2/3] + "…"), c.Conceal(text[len(text)/3:] + " it is")} {
			if !strings.Contains(got, "[redacted]") || len(got) > 55 {
				t.Errorf("%s, cut: %q", name, got)
			}
		}
	}
}

// TestConcealLeavesTheRest alone: ids, names and sentences are no secrets.
func TestConcealLeavesTheRest(t *testing.T) {
	var c secret.Concealer
	c.Hide(secret.New(token))
	c.Hide(secret.New("short")) // a word, and no token
	for _, text := range []string{
		"", "short", "7c1d2a90", "list volumes: GET /api/2.21/volumes: 400 Bad Request: Volume does not exist.",
		"purepool::u-df2ba6a8d9a047beab5d2d0586abac61 (request 7c1d2a91-5b3e-4f68-8a1b-d2c3e4f50618)", strings.Repeat("%41&#65;\\u0041QUJD", 50),
	} {
		if got := c.Conceal(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if got := c.Conceal(text); got != text {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

func TestBetrays(t *testing.T) {
	var c secret.Concealer
	c.Hide(secret.New(token))
	for text, want := range map[string]bool{
		token: true, "x" + strings.ToUpper(token) + "y": true, token[1:]: false, "": false, "purepool::u-df2ba6a8d9a047beab5d2d0586abac61": false,
		base64.StdEncoding.EncodeToString([]byte(token)): true, "vol-" + base64.URLEncoding.EncodeToString([]byte(token)): true,
		strings.ReplaceAll(token, "-", ""): true, strings.ReplaceAll(token, "-", "%2D"): true, hex.EncodeToString([]byte(token)): true,
		"3624a93702f0e3a7d9cecd05100011004": false, "iqn.2004-10.com.ubuntu:01:5b105943ef43": false, "D5BC11112222333300001017": false,
	} {
		if got := c.Betrays([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// A secret of signs has hardly a letter, and is still one.
func TestConcealSigns(t *testing.T) {
	var c secret.Concealer
	c.Hide(secret.New("!!a??b$$/c"))
	if got := c.Conceal("x !!A??b$$/c y"); got != "x [redacted] y" {
		t.Error(got)
	}
}
