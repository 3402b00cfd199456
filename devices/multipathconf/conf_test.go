package multipathconf_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices/multipathconf"
)

// TestCases are files as people wrote them, with what multipath-tools 0.9.4
// makes of each for a FlashArray over iSCSI: what counts and where it stands,
// what is said of lines, and what makes it refuse the whole.
func TestCases(t *testing.T) {
	for _, c := range []struct {
		file    string
		counts  string
		says    []string
		refused string
		listed  string
	}{
		{
			file: "01-one-line-section", counts: "",
			says: []string{
				`1: what follows the brace, from "devnode" on, is not read`, "2: blacklist of line 1 is still open here, so devices is not read as a section",
				"3: blacklist of line 1 is still open here, so defaults", "4: no_path_retry is no keyword of the section blacklist",
			},
		},
		{
			file: "04-brace-after-value", counts: "no_path_retry queue:13",
			says: []string{"3: the brace after devnode does not close the section", "5: blacklist of line 1 is still open here, so overrides is not read", "6: no_path_retry is no keyword of the section blacklist"},
		},
		{
			file: "05-nbsp-and-curly-quotes", counts: "no_path_retry queue:2, recheck_wwid yes:3, user_friendly_names yes:4",
		},
		{
			file: "07-unknown-section", counts: "",
			says: []string{"1: default is no section", "5: device is no section", "13: blacklist_exception is no section"}, listed: `wwid ".*":11`,
		},
		{
			file: "13-property-exception", counts: "find_multipaths off:2, recheck_wwid yes:3", listed: `property "ID_BUS":6`,
		},
		{
			file: "15-overrides-protocol", counts: "fast_io_fail_tmo 300:13, no_path_retry fail:5, recheck_wwid yes:2",
		},
		{
			file: "18-vendor-patterns", counts: "fast_io_fail_tmo off:11",
			says: []string{"2: this device section is for no FlashArray", "13: this device section is for no FlashArray", "18: this device section is for no FlashArray"},
		},
		{file: "30-product-blacklist", listed: `device { vendor "PURE" product_blacklist "Flash.*" }:5`},
		{file: "20-star-patterns", refused: `2: wwid "*" is not a regular expression; 4: vendor "*" is not a regular expression; 5: product "*" is not a regular expression; 12: product "*" is not a regular expression`},
		{file: "24-star-with-exception", refused: `6: wwid "*" is not a regular expression`},
		{file: "26-bad-regex", refused: `5: devnode "^(sd[a-z" is not a regular expression`},
	} {
		text, err := os.ReadFile("testdata/" + c.file + ".conf")
		if err != nil {
			t.Fatal(err)
		}
		conf := multipathconf.Read(&multipathconf.File{Name: "/f", Text: string(text)})
		device := multipathconf.FlashArray("scsi:iscsi")
		var counts, says, refused, listed []string
		for _, key := range multipathconf.Keys {
			if line := conf.Effective(device, key); line.Number > 0 {
				counts = append(counts, fmt.Sprintf("%s %s:%d", key, line.Value, line.Number))
			}
		}
		for _, f := range conf.Faults {
			says = append(says, fmt.Sprintf("%d: %s", f.Line, f.What))
		}
		for _, f := range conf.Refused {
			refused = append(refused, fmt.Sprintf("%d: %s", f.Line, f.What))
		}
		for _, l := range conf.Blacklisted(multipathconf.Path{Device: device, Name: "sdb", WWID: "3624a93707a9ad0a2ce6b4c5a00011010", Properties: []string{"ID_BUS", "ID_WWN"}}) {
			listed = append(listed, fmt.Sprintf("%s:%d", l.Words, l.Number))
		}
		if got := strings.Join(refused, "; "); got != c.refused {
			t.Errorf("%s: refused for %q, want %q", c.file, got, c.refused)
		}
		if got := strings.Join(counts, ", "); c.refused == "" && got != c.counts {
			t.Errorf("%s: %q counts, want %q", c.file, got, c.counts)
		}
		if got := strings.Join(listed, ", "); c.refused == "" && got != c.listed {
			t.Errorf("%s: blacklisted by %q, want %q", c.file, got, c.listed)
		}
		all := strings.Join(says, "\n")
		for _, want := range c.says {
			if !strings.Contains("\n"+all, "\n"+want) {
				t.Errorf("%s: nobody says %q but\n%s", c.file, want, all)
			}
		}
		if len(c.says) == 0 && c.refused == "" && all != "" {
			t.Errorf("%s: says %s", c.file, all)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("defaults {\n no_path_retry \"queue\" # x\n}\ndevices {\n device {\n vendor PURE\n features \"0\"\n }\n}\n")
	f.Add("blacklist {\n wwid \"[[:alpha:]-z]{2,3}\\\\1\"\n}\n\x00}}\r")
	f.Fuzz(func(t *testing.T, text string) {
		count := strings.Count(text, "\n") + 1
		conf := multipathconf.Read(&multipathconf.File{Name: "/f", Text: text})
		for _, fault := range append(conf.Faults, conf.Refused...) {
			if fault.Line < 1 || fault.Line > count || fault.File != "/f" || fault.What == "" {
				t.Errorf("%+v of %d lines", fault, count)
			}
		}
		device := multipathconf.FlashArray("scsi:iscsi")
		for _, line := range conf.Lines {
			if line.Number < 1 || line.Number > count {
				t.Errorf("%+v of %d lines", line, count)
			}
			conf.Applies(device, line)
		}
		conf.Blacklisted(multipathconf.Path{Device: device, Name: "sda", WWID: "3624a9370", Properties: []string{"ID_BUS"}})
		multipathconf.ReadDaemon(text).Effective(device, "no_path_retry")
	})
}
