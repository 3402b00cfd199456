package diagnose

import (
	"fmt"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// list joins names as one says them: "a, b and c"; a long list ends with how
// many more there are.
func list(names []string) string {
	const most = 4
	switch n := len(names); {
	case n == 0:
		return "none"
	case n == 1:
		return names[0]
	case n > most:
		return strings.Join(names[:most-1], ", ") + fmt.Sprintf(" and %d more", n-most+1)
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// quoted puts a name that others chose in quotes, and says so when it is
// empty.
func quoted(name string) string {
	if name == "" {
		return "(without a name)"
	}
	return fmt.Sprintf("%q", name)
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// span is a duration in its coarsest unit that fits twice or more.
func span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		noun string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / u.unit); n >= 2 {
			return count(n, u.noun)
		}
	}
	return count(int(d/time.Second), "second")
}

// size spells bytes with the largest unit that leaves at least one.
func size(bytes int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	n, i := float64(bytes), 0
	for n >= 1024 && i < len(units)-1 {
		n, i = n/1024, i+1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0") + units[i]
}

// shell quotes a word for a command line that a person may copy. Names come
// from others: nothing in one may end the word.
func shell(word string) string {
	plain := func(r rune) bool {
		return (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9') || strings.ContainsRune("-_.:/@%+=,", r)
	}
	if word != "" && word[0] != '-' && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// either returns the first text that is not empty.
func either(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// join strings phrases together, leaving out empty ones.
func join(phrases ...string) string {
	var some []string
	for _, phrase := range phrases {
		if phrase != "" {
			some = append(some, phrase)
		}
	}
	return strings.Join(some, ", ")
}

// made says when the array made something.
func made(created time.Time) string {
	if created.IsZero() {
		return ""
	}
	return "created " + day(created)
}

// destroyedWords says that something is destroyed and until when it can be
// recovered.
func destroyedWords(a *arrayFacts, destroyed evidence.Answer, remaining time.Duration) string {
	switch {
	case destroyed.Is():
		return "destroyed, " + a.until(remaining, "its data will be lost")
	case destroyed.IsNot():
		return ""
	default:
		return "not known whether destroyed"
	}
}
