package diagnose

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/words"
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
func count(n int, noun string) string { return words.Count(n, noun) }

// numbered is the word for one, or for any other number.
func numbered(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// span is a duration in words.
func span(d time.Duration) string { return words.Span(d) }

// size spells bytes as lxc does.
func size(bytes int64) string { return words.Size(bytes) }

// shell quotes a word for a command line that a person may copy.
func shell(word string) string { return words.Shell(word) }

// either returns the first text that is not empty.
func either(texts ...string) string { return cmp.Or(texts...) }

// firstThat is the first of them that is so; nil for none.
func firstThat[T any](all []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	return nil
}

// filter are those of them that are so.
func filter[T any](all iter.Seq[T], is func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for one := range all {
			if is(one) && !yield(one) {
				return
			}
		}
	}
}

// those are the items of a list that are so.
func those[T any](all []T, are func(T) bool) []T {
	return slices.Collect(filter(slices.Values(all), are))
}

// including is a list with what is not in it yet.
func including[T comparable](all []T, more ...T) []T {
	for _, one := range more {
		if !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// isAny reports that there is one.
func isAny[T any](all iter.Seq[T]) bool {
	for range all {
		return true
	}
	return false
}

// each is what each of several has.
func each[T, U any](all []T, of func(T) U) []U { return words.Of(all, of) }

// howMany counts those that are so.
func howMany[T any](all []T, is func(T) bool) int { return words.HowMany(all, is) }

// join strings phrases together, leaving out empty ones.
func join(phrases ...string) string {
	return strings.Join(those(phrases, func(phrase string) bool { return phrase != "" }), ", ")
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
