package multipathconf

import (
	"math"
	"strconv"
	"strings"
)

// reading reads a value as multipath does, and returns it as multipath prints
// it. A value that is none is passed over: what was said before still counts.
type reading func(value string) (meaning string, ok bool)

// anything takes a value as it is.
func anything(value string) (string, bool) { return value, true }

// words takes the words of a table.
func words(table map[string]string) reading {
	return func(value string) (string, bool) {
		meaning, ok := table[value]
		return meaning, ok
	}
}

var yesNo = words(map[string]string{"yes": "yes", "1": "yes", "no": "no", "0": "no"})

var flushing = words(map[string]string{
	"yes": "yes", "1": "yes", "no": "no", "0": "no",
	// Of 0.9.9 and later.
	"always": "always", "unused": "unused", "never": "never",
})

var finding = words(map[string]string{
	"off": "off", "no": "off", "0": "off", "on": "on", "yes": "on", "1": "on", "strict": "strict", "greedy": "greedy", "smart": "smart",
})

// orNumber takes words, or a number of at least 1.
func orNumber(table map[string]string) reading {
	return func(value string) (string, bool) {
		if meaning, ok := table[value]; ok {
			return meaning, true
		}
		return number(1, math.MaxInt32)(value)
	}
}

var (
	retries = orNumber(map[string]string{"fail": "fail", "0": "fail", "queue": "queue"})
	failing = orNumber(map[string]string{"off": "off", "0": "0"})
)

// number takes a whole number, with blanks around it; one outside of the
// limits becomes the limit.
func number(least, most int64) reading {
	return func(value string) (string, bool) {
		n, rest, ok := integer(value)
		if !ok || strings.Trim(rest, blanks) != "" {
			return "", false
		}
		return strconv.FormatInt(min(max(n, least), most), 10), true
	}
}

// patience takes seconds, with a sign; 0 takes the setting back.
func patience(value string) (string, bool) {
	meaning, ok := number(math.MinInt32, math.MaxInt32)(value)
	if meaning == "0" {
		meaning = ""
	}
	return meaning, ok
}

// interval takes seconds without a sign.
func interval(value string) (string, bool) {
	value = strings.Trim(value, blanks)
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n > math.MaxUint32 {
		return "", false
	}
	return strconv.FormatUint(min(n, math.MaxUint32-1), 10), true
}

// loss takes seconds, whatever follows them; 0 takes the setting back, and a
// number below it means the largest.
func loss(value string) (string, bool) {
	if value == "infinity" {
		return value, true
	}
	trimmed := strings.TrimLeft(value, blanks)
	digits := strings.TrimLeft(trimmed, "+-")
	if len(trimmed)-len(digits) > 1 || digits == "" || digits[0] < '0' || digits[0] > '9' {
		return "", false
	}
	end := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	n, err := strconv.ParseUint(digits[:end], 10, 64)
	if err != nil {
		n = math.MaxUint64
	} else if trimmed[0] == '-' {
		n = -n
	}
	switch seconds := uint32(n & math.MaxUint32); seconds {
	case 0:
		return "", true
	case math.MaxUint32:
		return "infinity", true
	default:
		return strconv.FormatUint(uint64(seconds), 10), true
	}
}

// featured takes device-mapper's features: their number, and so many words.
func featured(value string) (string, bool) {
	all := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \f\r\t\v", r) })
	if len(all) == 0 {
		return "", false
	}
	n, rest, ok := integer(all[0])
	return value, ok && rest == "" && n == int64(len(all)-1)
}

const blanks = " \t\n\v\f\r"

// integer reads the whole number at the beginning of a text; one that is too
// large becomes the largest.
func integer(text string) (n int64, rest string, ok bool) {
	text = strings.TrimLeft(text, blanks)
	end := 0
	if text != "" && (text[0] == '+' || text[0] == '-') {
		end++
	}
	first := end
	if end = len(text) - len(strings.TrimLeft(text[first:], "0123456789")); end == first {
		return 0, "", false
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil {
		n = math.MaxInt64
		if text[0] == '-' {
			n = math.MinInt64
		}
	}
	return n, text[end:], true
}

// queues is the feature that stands for "no_path_retry queue"; retains has a
// setting of its own, too.
const (
	queues  = "queue_if_no_path"
	retains = "retain_attached_hw_handler"
)

// without takes a feature out of a string of them.
func without(features, feature string) string {
	at := -1
	for from := 1; from <= len(features); {
		i := strings.Index(features[from:], feature)
		if i < 0 {
			return features
		}
		i += from
		after := i + len(feature)
		if strings.ContainsRune(blanks, rune(features[i-1])) && (after == len(features) || strings.ContainsRune(blanks, rune(features[after]))) {
			at = i
			break
		}
		from = after
	}
	if at < 0 {
		return features
	}
	n, rest, ok := integer(features)
	if !ok || rest == "" || !strings.ContainsRune(blanks, rune(rest[0])) {
		return features
	}
	if n == 1 {
		return "0"
	}
	before := features[len(features)-len(rest) : at]
	left := strconv.FormatInt(n-1, 10) + before + strings.TrimLeft(features[at+len(feature):], blanks)
	return strings.TrimRight(left, blanks)
}
