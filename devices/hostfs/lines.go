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
