package records

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/evidence"
)

const someHex = "df2ba6a8d9a047beab5d2d0586abac61"

func someUUID(t *testing.T) evidence.UUID {
	t.Helper()
	id, err := evidence.ParseUUID(someHex)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestParseName(t *testing.T) {
	id := someUUID(t)
	name := func(snapshot bool, kind, content string) evidence.Name {
		return evidence.Name{Snapshot: snapshot, Type: kind, Content: content, UUID: id}
	}
	const (
		fs, block, iso = evidence.ContentFilesystem, evidence.ContentBlock, evidence.ContentISO
	)
	tests := map[string]evidence.Name{
		"c-" + someHex:         name(false, evidence.TypeContainer, fs),
		"sc-" + someHex:        name(true, evidence.TypeContainer, fs),
		"v-" + someHex:         name(false, evidence.TypeVM, fs),
		"v-" + someHex + "-b":  name(false, evidence.TypeVM, block),
		"sv-" + someHex:        name(true, evidence.TypeVM, fs),
		"sv-" + someHex + "-b": name(true, evidence.TypeVM, block),
		"i-" + someHex:         name(false, evidence.TypeImage, fs),
		"i-" + someHex + "-b":  name(false, evidence.TypeImage, block),
		"u-" + someHex:         name(false, evidence.TypeCustom, fs),
		"u-" + someHex + "-b":  name(false, evidence.TypeCustom, block),
		"u-" + someHex + "-i":  name(false, evidence.TypeCustom, iso),
		"su-" + someHex:        name(true, evidence.TypeCustom, fs),
		"su-" + someHex + "-b": name(true, evidence.TypeCustom, block),
	}
	for text, want := range tests {
		got, ok := ParseName(text)
		if !ok {
			t.Errorf("ParseName(%q) is refused", text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseName(%q): %s", text, diff)
		}
	}
}

func TestParseNameRefusesWhatIsNotLXDs(t *testing.T) {
	for _, text := range []string{
		"",
		"s",
		"c",
		"c-",
		"plainvol",
		"manual-vol",
		"lxd-reverter-snapshot",
		"pgroup-auto-12",
		"-" + someHex,
		someHex,
		"x-" + someHex,
		"s-" + someHex,
		"ss-" + someHex,
		"ssc-" + someHex,
		"c--" + someHex,
		"c_" + someHex,
		"cv-" + someHex,
		// Legal letters in an illegal combination.
		"c-" + someHex + "-b",
		"c-" + someHex + "-i",
		"v-" + someHex + "-i",
		"i-" + someHex + "-i",
		"si-" + someHex,
		"si-" + someHex + "-b",
		"su-" + someHex + "-i",
		"sc-" + someHex + "-b",
		// Capitals: the array keeps case, LXD writes none.
		"C-" + someHex,
		"c-" + strings.ToUpper(someHex),
		"u-" + someHex + "-B",
		"Su-" + someHex,
		// Too short, too long, not hexadecimal, trailing text.
		"c-" + someHex[1:],
		"c-" + someHex + "0",
		"c-" + someHex + "b",
		"c-" + someHex[:31] + "g",
		"c-" + someHex + "-",
		"c-" + someHex + "-b-b",
		"c-" + someHex + " ",
		"c-" + someHex + "\n",
		"c-" + someHex + "-b.sv-" + someHex,
		" c-" + someHex,
		"pool::c-" + someHex,
		// The UUID in LXD's own spelling.
		"c-df2ba6a8-d9a0-47be-ab5d-2d0586abac61",
		"c-df2ba6a8-d9a0-47be-ab5d-2d0586ab",
		// Digits that only look like digits, and bytes that are no text.
		"c-" + strings.Repeat("０", 32),
		"c-" + strings.Repeat("\x00", 32),
		"\xff-" + someHex,
		// The UUID that means none.
		"c-" + strings.Repeat("0", 32),
	} {
		if got, ok := ParseName(text); ok || got != (evidence.Name{}) {
			t.Errorf("ParseName(%q) = %+v, %v; it is not LXD's", text, got, ok)
		}
	}
}

// formatName writes the name that LXD gives to the array object: the other way
// round than ParseName.
func formatName(n evidence.Name) (string, error) {
	f, err := formOf(n)
	if err != nil {
		return "", err
	}
	name := string(f.letter) + "-" + n.UUID.Hex() + f.suffix
	if n.Snapshot {
		name = "s" + name
	}
	return name, nil
}

func TestNoNameForWhatLXDNeverMakes(t *testing.T) {
	id := someUUID(t)
	for _, n := range []evidence.Name{
		{},
		{UUID: id},
		{Type: evidence.TypeContainer, Content: evidence.ContentFilesystem},
		{Type: evidence.TypeContainer, UUID: id},
		{Type: evidence.TypeContainer, Content: evidence.ContentBlock, UUID: id},
		{Type: evidence.TypeVM, Content: evidence.ContentISO, UUID: id},
		{Type: evidence.TypeImage, Content: evidence.ContentISO, UUID: id},
		{Type: evidence.TypeImage, Content: evidence.ContentFilesystem, Snapshot: true, UUID: id},
		{Type: evidence.TypeCustom, Content: evidence.ContentISO, Snapshot: true, UUID: id},
		{Type: "bucket", Content: evidence.ContentFilesystem, UUID: id},
		{Type: "CUSTOM", Content: evidence.ContentFilesystem, UUID: id},
	} {
		if got, err := formatName(n); err == nil || got != "" {
			t.Errorf("formatName(%+v) = %q, %v; LXD makes no such volume", n, got, err)
		}
	}
}

func TestArrayNames(t *testing.T) {
	id := someUUID(t)
	record := func(kind, content string, snapshot bool) evidence.Record {
		return evidence.Record{Type: kind, Content: content, Snapshot: snapshot, UUID: id}
	}
	tests := []struct {
		record evidence.Record
		want   []string
	}{
		{record(evidence.TypeContainer, evidence.ContentFilesystem, false), []string{"c-" + someHex}},
		{record(evidence.TypeContainer, evidence.ContentFilesystem, true), []string{"sc-" + someHex}},
		{record(evidence.TypeVM, evidence.ContentBlock, false), []string{"v-" + someHex + "-b", "v-" + someHex}},
		{record(evidence.TypeVM, evidence.ContentBlock, true), []string{"sv-" + someHex + "-b", "sv-" + someHex}},
		{record(evidence.TypeImage, evidence.ContentFilesystem, false), []string{"i-" + someHex}},
		{record(evidence.TypeImage, evidence.ContentBlock, false), []string{"i-" + someHex + "-b", "i-" + someHex}},
		{record(evidence.TypeCustom, evidence.ContentFilesystem, false), []string{"u-" + someHex}},
		{record(evidence.TypeCustom, evidence.ContentBlock, false), []string{"u-" + someHex + "-b"}},
		{record(evidence.TypeCustom, evidence.ContentBlock, true), []string{"su-" + someHex + "-b"}},
		{record(evidence.TypeCustom, evidence.ContentISO, false), []string{"u-" + someHex + "-i"}},

		{record(evidence.TypeVM, evidence.ContentFilesystem, false), nil},
		{record(evidence.TypeContainer, evidence.ContentBlock, false), nil},
		{record(evidence.TypeImage, evidence.ContentBlock, true), nil},
		{record(evidence.TypeCustom, evidence.ContentISO, true), nil},
		{record(evidence.TypeCustom, "", false), nil},
		{record("bucket", evidence.ContentFilesystem, false), nil},
		{evidence.Record{Type: evidence.TypeCustom, Content: evidence.ContentFilesystem}, nil},
	}
	for _, test := range tests {
		names, err := ArrayNames(test.record)
		if (err == nil) != (test.want != nil) {
			t.Errorf("ArrayNames(%+v): error %v", test.record, err)
		}
		var got []string
		for _, n := range names {
			text, err := formatName(n)
			if err != nil {
				t.Errorf("ArrayNames(%+v) gave a name that can't be written: %v", test.record, err)
			}
			got = append(got, text)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("ArrayNames(%+v): %s", test.record, diff)
		}
	}
}

// Every name that can be written is read back as itself.
func TestNameRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.SampledFrom(forms).Draw(t, "form")
		n := evidence.Name{
			Snapshot: f.snapshot && rapid.Bool().Draw(t, "snapshot"),
			Type:     f.kind,
			Content:  f.content,
		}
		copy(n.UUID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid"))
		n.UUID[6] |= 0x40 // not zero, as in every real one
		text, err := formatName(n)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := ParseName(text)
		if !ok || got != n {
			t.Fatalf("%+v is written %q and read back as %+v, %v", n, text, got, ok)
		}
	})
}

// grammar is the naming of LXD's driver, written down a second time so that
// the table in name.go has something to be compared with.
var grammar = regexp.MustCompile(`^(?:s?c-[0-9a-f]{32}|s?v-[0-9a-f]{32}(?:-b)?|i-[0-9a-f]{32}(?:-b)?|s?u-[0-9a-f]{32}(?:-b)?|u-[0-9a-f]{32}-i)$`)

// checkName is what must hold for any text at all.
func checkName(text string) string {
	n, ok := ParseName(text)
	switch {
	case !ok && n != evidence.Name{}:
		return "refused, and yet half read"
	case ok != (grammar.MatchString(text) && !strings.Contains(text, strings.Repeat("0", 32))):
		return "the table and the grammar disagree"
	case !ok:
		return ""
	}
	again, err := formatName(n)
	if err != nil {
		return "accepted, but can't be written: " + err.Error()
	}
	if again != text {
		return "accepted, but written as " + again
	}
	return ""
}

func TestAnyTextIsReadWhollyOrNotAtAll(t *testing.T) {
	// Near misses are what matters: text made from the pieces of names.
	pieces := []string{"s", "c", "v", "i", "u", "-", "b", "-b", "-i", "x", "S", "C", ".", "::", " ", someHex, strings.ToUpper(someHex), someHex[1:], "0"}
	near := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 6).Draw(t, "pieces"), "")
	})
	shape := rapid.StringMatching(`s?[a-z]-[0-9a-g]{31,33}(-[a-z]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(near, shape, rapid.String()).Draw(t, "text")
		if wrong := checkName(text); wrong != "" {
			t.Fatalf("%q: %s", text, wrong)
		}
	})
}

func FuzzParseName(f *testing.F) {
	for _, text := range []string{"", "c-" + someHex, "sv-" + someHex + "-b", "u-" + someHex + "-i", "si-" + someHex, "lxd-reverter-snapshot", "pool::u-" + someHex} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if wrong := checkName(text); wrong != "" {
			t.Errorf("%q: %s", text, wrong)
		}
	})
}
