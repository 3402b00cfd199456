// Package words spells what people read: sizes, ages, numbers of things, and
// names that others chose. It is used wherever an answer leaves the program
// as text, so that a terminal and a report say the same.
package words

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/canonical/lxd/shared/units"
)

// Visible makes text from the array, LXD or a device safe to show: names are
// given by others, and an escape sequence or a change of direction in one
// could hide or reorder a line of our answer. What is replaced stays visible
// as "\x1b" or "\u202e".
func Visible(s string) string {
	if !strings.ContainsFunc(s, Unsafe) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !Unsafe(r):
			b.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// Unsafe characters are all that move a cursor, change colours or reorder
// text: controls, format characters such as the bidirectional overrides, line
// separators, and what is not valid UTF-8.
func Unsafe(r rune) bool {
	if r >= ' ' && r < 0x7f {
		return false // nearly all of them
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs) || r == unicode.ReplacementChar
}

// Size spells bytes as lxc does, without needless decimals.
func Size(bytes int64) string {
	if bytes == 0 {
		return "0"
	}
	s := units.GetByteSizeStringIEC(bytes, 1)
	return strings.Replace(s, ".0", "", 1)
}

// KnownSize is Size of bytes that may not be known.
func KnownSize(bytes int64, known bool) string {
	if !known {
		return "?"
	}
	return Size(bytes)
}

// Age is short, in the coarsest unit that fits twice or more.
func Age(d time.Duration) string {
	switch {
	case d < 0:
		return "?"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// Span is a duration in words, in its coarsest unit that fits twice or more.
func Span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		noun string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / u.unit); n >= 2 {
			return Count(n, u.noun)
		}
	}
	return Count(int(d/time.Second), "second")
}

// Count is a number with its noun.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Leaked is "2 leaked volumes hold 64GiB (0 unique), the oldest for 3 days"; without
// what is not given.
func Leaked(volumes int, bytes int64, unique string, oldest time.Duration) string {
	text := Count(volumes, "leaked volume")
	switch volumes {
	case 0:
		return text
	case 1:
		text += " holds " + Size(bytes)
	default:
		text += " hold " + Size(bytes)
	}
	if unique != "" {
		text += " (" + unique + " unique)"
	}
	if oldest > 0 {
		text += ", the oldest for " + Span(oldest)
	}
	return text
}

// Transport is what people call a pool's mode.
func Transport(mode string) string {
	names := map[string]string{"iscsi": "iSCSI", "nvme/tcp": "NVMe/TCP", "scsi/fc": "Fibre Channel", "nvme/fc": "NVMe/FC"}
	if name, ok := names[mode]; ok {
		return name
	}
	return "transport unknown"
}

// Shell quotes what a shell would not take as one plain word, or a program as a
// flag's name, for a command line that a person may copy. Names come from
// others: nothing in one may end the word.
func Shell(s string) string {
	s = Visible(s)
	if s != "" && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@%+=,", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Times is "once" or "3 times".
func Times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// Of is what each of several has: its name, or other words for it.
func Of[T, U any](all []T, of func(T) U) []U {
	var each []U
	for _, one := range all {
		each = append(each, of(one))
	}
	return each
}

// HowMany of them are so.
func HowMany[T any](all []T, is func(T) bool) int {
	n := 0
	for _, one := range all {
		if is(one) {
			n++
		}
	}
	return n
}
