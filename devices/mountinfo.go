package devices

import (
	"bytes"
	"fmt"
	"strings"
)

// mount is one line of a mountinfo.
type mount struct {
	id      string
	dev     string // "major:minor" of the file system
	root    string
	point   string
	options string // of the mount, not of the file system
	fstype  string
	source  string
}

// parseMountinfo reads a mountinfo. Lines that can't be understood are
// counted, and the first of them is the error.
func parseMountinfo(data []byte) ([]mount, error) {
	var mounts []mount
	var first error
	bad := 0
	for line := range bytes.Lines(data) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) == 0 {
			continue
		}
		m, err := parseMount(string(line))
		if err != nil {
			if bad++; first == nil {
				first = err
			}
			continue
		}
		mounts = append(mounts, m)
	}
	if first != nil {
		return mounts, fmt.Errorf("%d lines are not understood, the first: %w", bad, first)
	}
	return mounts, nil
}

// parseMount reads one line:
//
//	36 35 98:0 /root /point options [optional fields] - fstype source options
//
// with blanks, newlines and backslashes inside a field as octal escapes.
func parseMount(line string) (mount, error) {
	fields := strings.Split(line, " ")
	after := -1
	for i := 6; i < len(fields); i++ {
		if fields[i] == "-" {
			after = i + 1
			break
		}
	}
	if after < 0 || len(fields) < after+2 {
		return mount{}, fmt.Errorf("%.80q names no file system", line)
	}
	if !isDev(fields[2]) {
		return mount{}, fmt.Errorf("%.80q has no device number", line)
	}
	return mount{
		id: fields[0], dev: fields[2], root: unescape(fields[3]), point: unescape(fields[4]), options: fields[5],
		fstype: unescape(fields[after]), source: unescape(fields[after+1]),
	}, nil
}

// isDev reports the form "major:minor".
func isDev(s string) bool {
	major, minor, ok := strings.Cut(s, ":")
	return ok && isDigits(major) && isDigits(minor)
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// unescape undoes the kernel's octal escapes: a backslash and three digits.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && s[i+1] <= '3' && isOctal(s[i+1]) && isOctal(s[i+2]) && isOctal(s[i+3]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }
