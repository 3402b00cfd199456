package report

import (
	"strings"
	"testing"
)

// TestProse: commands are found in sentences, whole, and nothing else is; the
// sentence stays the same.
func TestProse(t *testing.T) {
	for text, want := range map[string]string{
		"if it is still wanted: purevol recover nvpool::u-f04c":                                  "purevol recover nvpool::u-f04c",
		"wait until the array has eradicated it, then lxc storage volume delete nvpool invoices": "lxc storage volume delete nvpool invoices",
		"lxd recover (LXD 6.6 and later) can bring the record back":                              "lxd recover",
		"then follow pureclean explain mixed-map says how":                                       "pureclean explain mixed-map",
		"let every path answer as this volume: pureclean explain says which does not":            "pureclean explain",
		"try again; pureclean scan -v shows the requests":                                        "pureclean scan -v",
		"ask for it alone: pureclean fix --volume NAME --confirm NAME":                           "pureclean fix --volume NAME --confirm NAME",
		"look for it (pureclean explain disappeared-record); for one volume":                     "pureclean explain disappeared-record",
		"on lxd01: rmdir '/a, b; c'":                                                             "rmdir '/a, b; c'",
		"have udev look: udevadm trigger --action=change /sys/block/sdx":                         "udevadm trigger --action=change /sys/block/sdx",
		"multipathd disablequeueing map mpatha; it ends the I/O":                                 "multipathd disablequeueing map mpatha",
		"let multipathd read its files, and see what it made of them":                            "",
		"pureclean repairs nothing":                                                              "",
		"pureclean fix --volume 'it is (mine)' --confirm 'it is (mine)'":                         "pureclean fix --volume 'it is (mine)' --confirm 'it is (mine)'",
		"for one volume purevol rename a::b-c a::d-e. Then look again":                           "purevol rename a::b-c a::d-e",
		"":                                "",
		" purevol recover 'never closed ": "purevol recover 'never closed ",
	} {
		whole, found := "", []string{}
		for _, p := range prose(text) {
			whole += p.Text + strings.Join(p.Words, " ")
			if p.Command {
				found = append(found, strings.Join(p.Words, " "))
			}
		}
		if whole != text {
			t.Errorf("%q became %q", text, whole)
		}
		if got := strings.Join(found, "|"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
