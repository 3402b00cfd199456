package words_test

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pureclean/pureclean/words"
)

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "",
		"plain text::u-1/ü很":  "plain text::u-1/ü很",
		"a\x1b[2Jb":           `a\x1b[2Jb`,
		"line\nbreak\ttab":    `line\x0abreak\x09tab`,
		"\u202etxt.exe\u2066": `\u202etxt.exe\u2066`,
		"zero\u200bwidth":     `zero\u200bwidth`,
		"\u2028\u2029\u0085":  `\u2028\u2029\u0085`,
		"\xff\xfe":            `\ufffd\ufffd`,
		"\x7f":                `\x7f`,
		"\U000e0041":          `\U000e0041`,
	} {
		if got := words.Visible(text); got != want {
			t.Errorf("Visible(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("a\x1b]0;x\x07\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		got := words.Visible(s)
		if !utf8.ValidString(got) || words.Visible(got) != got {
			t.Errorf("Visible(%q) = %q", s, got)
		}
		for _, r := range got {
			if words.Unsafe(r) {
				t.Errorf("Visible(%q) = %q holds %U", s, got, r)
			}
		}
	})
}

func TestSpelling(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{words.Size(0), "0"},
		{words.Size(50 << 30), "50GiB"},
		{words.Size(1536 << 20), "1.5GiB"},
		{words.Age(-1), "?"},
		{words.Age(119 * time.Second), "119s"},
		{words.Age(2 * time.Minute), "2m"},
		{words.Age(47 * time.Hour), "47h"},
		{words.Age(48 * time.Hour), "2d"},
		{words.Span(0), "0 seconds"},
		{words.Span(time.Second), "1 second"},
		{words.Span(119 * time.Second), "119 seconds"},
		{words.Span(2 * time.Minute), "2 minutes"},
		{words.Span(47 * time.Hour), "47 hours"},
		{words.Span(48 * time.Hour), "2 days"},
		{words.Shell("-rf"), "'-rf'"},
		{words.Count(1, "volume"), "1 volume"},
		{words.Count(2, "volume"), "2 volumes"},
		{words.Transport("nvme/tcp"), "NVMe/TCP"},
		{words.Transport("pigeon"), "transport unknown"},
		{words.Shell("pod::u-1"), "pod::u-1"},
		{words.Shell(""), "''"},
		{words.Shell("it's; rm -rf /"), `'it'\''s; rm -rf /'`},
		{words.Shell("a\nb"), `'a\x0ab'`},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
