package evidence

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The zero value of every type that carries a claim must claim nothing.
func TestZeroValuesClaimNothing(t *testing.T) {
	var answer Answer
	if answer.Is() || answer.IsNot() {
		t.Error("a zero Answer is an answer")
	}
	var list List[string]
	if list.IsComplete() || list.Why() == "" {
		t.Errorf("a zero List is complete (why: %q)", list.Why())
	}
	var count Count
	if count.Known || count.IsZero() {
		t.Error("a zero Count is known")
	}
	var identity Identity
	if identity.Kind != IdentityUnknown {
		t.Error("a zero Identity is known")
	}
	var name Name
	if name.IsLXD() {
		t.Error("a zero Name is LXD's")
	}
}

func TestAnswerAnd(t *testing.T) {
	for _, c := range []struct{ a, b, want Answer }{
		{Yes, Yes, Yes},
		{Yes, No, No},
		{No, Unknown, No},
		{Yes, Unknown, Unknown},
		{Unknown, Unknown, Unknown},
	} {
		if got := c.a.And(c.b); got != c.want {
			t.Errorf("%v and %v = %v, want %v", c.a, c.b, got, c.want)
		}
		if got := c.b.And(c.a); got != c.want {
			t.Errorf("%v and %v = %v, want %v", c.b, c.a, got, c.want)
		}
	}
}

func TestListKeepsItsDoubtsInJSON(t *testing.T) {
	for _, list := range []List[int]{
		Complete([]int{1, 2}),
		Complete[int](nil),
		Incomplete([]int{1}, "page 2 was refused"),
		Complete([]int{1}).Doubt("row 3 has no name").Doubt("row 4 has no name"),
		{},
	} {
		data, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "null") {
			t.Errorf("%s holds a null", data)
		}
		var back List[int]
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if back.IsComplete() != list.IsComplete() || back.Why() != list.Why() || len(back.Items) != len(list.Items) {
			t.Errorf("%s came back as %+v", data, back)
		}
	}
}

func TestListRefusesContradictions(t *testing.T) {
	for _, in := range []string{
		`{"complete":true,"why":"page 2 was refused","items":[]}`,
		`{"complete":true}`,
		`[1]`,
	} {
		var list List[int]
		if err := json.Unmarshal([]byte(in), &list); err == nil {
			t.Errorf("%s was accepted as %+v", in, list)
		}
		if list.IsComplete() {
			t.Errorf("%s made a complete list", in)
		}
	}
}

func TestIncompleteAlwaysSaysWhy(t *testing.T) {
	if why := Incomplete[int](nil, "").Why(); why == "" {
		t.Error("an incomplete list gives no reason")
	}
	got := Complete([]int{1}).Doubt("a").Doubt("b").Why()
	if got != "a; b" {
		t.Errorf("why = %q, want both reasons", got)
	}
}

func TestCountJSON(t *testing.T) {
	for in, want := range map[string]Count{"null": {}, "0": CountOf(0), "-3": CountOf(-3), "12": CountOf(12)} {
		var c Count
		if err := json.Unmarshal([]byte(in), &c); err != nil || c != want {
			t.Errorf("%s = %+v, %v; want %+v", in, c, err, want)
		}
		out, err := json.Marshal(want)
		if err != nil || string(out) != in {
			t.Errorf("%+v = %s, %v; want %s", want, out, err, in)
		}
	}
	for _, in := range []string{`"1"`, `1.5`, `true`, `1e3`} {
		var c Count
		if err := json.Unmarshal([]byte(in), &c); err == nil {
			t.Errorf("%s was accepted as %+v", in, c)
		}
	}
}

// Every spelling a host uses for one volume leads to the array's serial.
func TestSerialOf(t *testing.T) {
	const serial = Serial("8726B5033AF2433D00014196")
	for _, in := range []string{
		"naa.624a93708726b5033af2433d00014196",
		"624a93708726b5033af2433d00014196",
		"3624a93708726b5033af2433d00014196",
		"mpath-3624a93708726b5033af2433d00014196",
		"part1-mpath-3624a93708726b5033af2433d00014196",
		"scsi-3624a93708726b5033af2433d00014196",
		"wwn-0x624a93708726b5033af2433d00014196",
		"dm-uuid-mpath-3624a93708726b5033af2433d00014196",
		"0x624A93708726B5033AF2433D00014196",
		"eui.008726b5033af24324a9373d00014196",
		"nvme-eui.008726b5033af24324a9373d00014196",
		"008726b5-033a-f243-24a9-373d00014196",
		"naa.624a93708726b5033af2433d00014196\n",
	} {
		got, ok := SerialOf(in)
		if !ok || got != serial {
			t.Errorf("SerialOf(%q) = %q, %v; want %q", in, got, ok, serial)
		}
	}
}

func TestSerialOfRefusesOthers(t *testing.T) {
	for _, in := range []string{
		"",
		"naa.60a98000572d43595a4a6c6e62746d2d",         // another vendor
		"eui.0025385b71b0e1c2",                         // a local NVMe disk
		"624a9371" + "8726b5033af2433d00014196",        // OUI right, vendor-specific digit not 0
		"3624a93708726b5033af2433d0001419",             // a digit short
		"3624a93708726b5033af2433d00014196a",           // a digit long
		"3624a93708726b5033af2433d0001419g",            // not hexadecimal
		"uuid.8726b503-3af2-433d-0001-419600000000",    // identified by UUID
		"t10.PURE FlashArray 8726b5033af2433d00014196", // another designator
	} {
		if got, ok := SerialOf(in); ok {
			t.Errorf("SerialOf(%q) = %q, want none", in, got)
		}
	}
}

func TestSerialSpellingsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9A-F]{24}`).Draw(t, "serial")
		serial, err := ParseSerial(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, spelling := range []string{serial.WWID(), serial.NAA(), serial.MapUUID(), serial.EUI()} {
			back, ok := SerialOf(spelling)
			if !ok || back != serial {
				t.Fatalf("%s became %q, %v", spelling, back, ok)
			}
		}
	})
}

func TestSerialOfNeverInvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "text")
		if serial, ok := SerialOf(in); ok {
			if _, err := ParseSerial(string(serial)); err != nil {
				t.Fatalf("SerialOf(%q) = %q: %v", in, serial, err)
			}
		}
	})
}

func TestParseSerial(t *testing.T) {
	got, err := ParseSerial("8726b5033af2433d00014196")
	if err != nil || got != "8726B5033AF2433D00014196" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, in := range []string{"", "8726B5033AF2433D0001419", "8726B5033AF2433D000141966", "8726B5033AF2433D0001419Z"} {
		if got, err := ParseSerial(in); err == nil {
			t.Errorf("ParseSerial(%q) = %q", in, got)
		}
	}
	if Serial("short").EUI() != "" || Serial("short").Creator() != "" {
		t.Error("a malformed serial has an EUI or a creator")
	}
}

func TestUUID(t *testing.T) {
	const spelled = "6784e178-3ed3-46da-a88c-a8378a44b162"
	u, err := ParseUUID(spelled)
	if err != nil {
		t.Fatal(err)
	}
	if u.String() != spelled || u.Hex() != "6784e1783ed346daa88ca8378a44b162" {
		t.Errorf("got %s, %s", u, u.Hex())
	}
	back, err := ParseUUID(u.Hex())
	if err != nil || back != u {
		t.Errorf("got %v, %v", back, err)
	}
	for _, in := range []string{"", "6784e178-3ed3-46da-a88c-a8378a44b16", "6784e1783ed3-46da-a88c-a8378a44b162", "x784e1783ed346daa88ca8378a44b162"} {
		if got, err := ParseUUID(in); err == nil {
			t.Errorf("ParseUUID(%q) = %v", in, got)
		}
	}
	type holder struct {
		U UUID `json:"u"`
	}
	for _, want := range []holder{{u}, {}} {
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got holder
		if err := json.Unmarshal(data, &got); err != nil || got != want {
			t.Errorf("%s came back as %v, %v", data, got, err)
		}
	}
}

func TestInitiator(t *testing.T) {
	for in, want := range map[string]string{
		"IQN.1993-08.org.debian:01:D4CE\n":  "iqn.1993-08.org.debian:01:d4ce",
		"2100F4C7AA002706":                  "2100f4c7aa002706",
		"0x2100f4c7aa002706":                "2100f4c7aa002706",
		"21:00:F4:C7:AA:00:27:06":           "2100f4c7aa002706",
		"nqn.2014-08.org.nvmexpress:uuid:A": "nqn.2014-08.org.nvmexpress:uuid:a",
	} {
		if got := Initiator(in); got != want {
			t.Errorf("Initiator(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestAnswerText(t *testing.T) {
	for _, want := range []Answer{Unknown, No, Yes} {
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Answer
		if err := json.Unmarshal(data, &got); err != nil || got != want {
			t.Error(cmp.Diff(want, got), err)
		}
	}
	var a Answer
	if err := json.Unmarshal([]byte(`"maybe"`), &a); err == nil {
		t.Error("maybe was accepted")
	}
}

func TestLUNOfAddress(t *testing.T) {
	for hctl, want := range map[string]int64{"2:0:0:7": 7, "2:0:0:16640": 256, "2:0:0:254": 254} {
		if got, known := LUN(hctl); got != want || !known {
			t.Errorf("LUN(%s) = %d %v, want %d", hctl, got, known, want)
		}
	}
	for _, hctl := range []string{"", "2:0:0:", "x"} {
		if _, known := LUN(hctl); known {
			t.Errorf("LUN(%q) is known", hctl)
		}
	}
}
