package main

import (
	"bytes"
	"cmp"
	"slices"
)

// The functions that a changed package gets; the changes call them.
const (
	on    = "mutant_on"
	pick  = "mutant_pick"
	drop  = "mutant_drop"
	scale = "mutant_scale"
	step  = "mutant_step"
)

// The environment of a test program: the number of the change that is turned
// on, and the file in which the numbers of those that are reached are noted.
const (
	envActive = "PURECLEAN_MUTANT"
	envTrace  = "PURECLEAN_MUTANT_TRACE"
)

// switches is the file that is added to a package. A process that is started
// by a test has the same environment and so the same change.
const switches = `package %s

import (
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

var mutant_active, _ = strconv.Atoi(os.Getenv("` + envActive + `"))

var mutant_trace = os.Getenv("` + envTrace + `")

var mutant_seen sync.Map

func mutant_on(id int) bool {
	return id == mutant_active || mutant_trace != "" && mutant_note(id)
}

func mutant_note(id int) bool {
	if _, again := mutant_seen.LoadOrStore(id, true); !again {
		if f, err := os.OpenFile(mutant_trace, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			f.WriteString(strconv.Itoa(id) + "\n")
			f.Close()
		}
	}
	return false
}

func mutant_pick[T any](id int, value, instead T) T {
	if mutant_on(id) {
		return instead
	}
	return value
}

func mutant_drop[S ~[]E, E any](first int, list S) S {
	for i := range list {
		if mutant_on(first + i) {
			return slices.Delete(list, i, i+1)
		}
	}
	return list
}

func mutant_scale(longer, shorter int, d time.Duration) time.Duration {
	if mutant_on(longer) {
		return d * 2
	}
	if mutant_on(shorter) {
		return d / 2
	}
	return d
}

func mutant_step[T ~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr](more, less int, n T) T {
	if mutant_on(more) {
		return n + 1
	}
	if mutant_on(less) {
		return n - 1
	}
	return n
}
`

// instrument puts all edits into a file at once.
func instrument(source []byte, edits []edit) []byte {
	type insertion struct {
		at, rank, order int
		text            string
	}
	var all []insertion
	for i, e := range edits {
		// At one place what ends comes before what begins; of what begins the
		// longest first, of what ends the shortest.
		all = append(all, insertion{e.from, len(source) + len(source) - e.to, i, e.before})
		all = append(all, insertion{e.to, -e.from - 1, -i, e.after})
	}
	slices.SortStableFunc(all, func(a, b insertion) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rank, b.rank), cmp.Compare(a.order, b.order))
	})
	var out bytes.Buffer
	last := 0
	for _, i := range all {
		out.Write(source[last:i.at])
		out.WriteString(i.text)
		last = i.at
	}
	out.Write(source[last:])
	return out.Bytes()
}
