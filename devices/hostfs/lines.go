package hostfs

import (
	"iter"
	"strings"
)

// Lines yields a text's lines with their numbers from 1.
func Lines(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.Lines(text) {
			if number++; !yield(number, strings.TrimRight(line, "\r\n")) {
				return
			}
		}
	}
}

// Joined yields a text's lines as those read them who go on where a line ends in
// a backslash, with the number of the first.
func Joined(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		whole, began := "", 0
		for number, line := range Lines(text) {
			if whole == "" {
				began = number
			}
			part, more := strings.CutSuffix(line, `\`)
			if whole += part; more {
				whole += " "
				continue
			}
			if !yield(began, whole) {
				return
			}
			whole = ""
		}
		if whole != "" {
			yield(began, whole)
		}
	}
}
