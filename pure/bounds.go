package pure

import (
	"fmt"
	"sync/atomic"
)

// An array that answers wrongly, or something that answers in its place, must
// not take the memory of a machine whose work is something else. One answer is
// bounded in bytes (maxBody), but its rows can be so small that what is kept
// of them is many times their text, and pages need not end. So rows are
// counted, in a page and in a list, and so is what they take.
const (
	// maxPageRows is how many rows a page may have: many times what was asked
	// for, in case there is an array that does not care.
	maxPageRows = 10 * pageSize
	// maxRows is more than any array has of anything.
	maxRows = 2_000_000
	// maxPages ends a list whose pages hold next to nothing.
	maxPages = 20_000
	// maxToken bounds what says where a list goes on: it comes back to the
	// array in the request's first line.
	maxToken = 16 << 10
	// maxProblems is how many things that are wrong with one row are told.
	maxProblems = 8
	// rowExtra is what a row takes besides itself and its text: its place in
	// the index, and the room that grows ahead of it.
	rowExtra = 96
	// defaultMemory is what the rows of an array may take if nobody says.
	defaultMemory = 1 << 30
)

// memory is what the rows that are being read may take.
type memory struct {
	limit int64
	taken atomic.Int64
}

// take asks for more, and give gives it back.
func (m *memory) take(bytes int64) error {
	if m.taken.Add(bytes) > m.limit {
		return &memoryError{m.limit}
	}
	return nil
}

func (m *memory) give(bytes int64) { m.taken.Add(-bytes) }

// memoryError is rows that take more than there is.
type memoryError struct{ limit int64 }

func (e *memoryError) Error() string {
	return fmt.Sprintf("its rows would take more than %d MiB of memory, which is what this machine has to spare", e.limit>>20)
}

func (e *memoryError) advice() string {
	return "free some memory or look from another machine; if the array is not that large, something else may have answered"
}

// pageRowsError is a page that is none.
type pageRowsError struct{}

func (*pageRowsError) Error() string {
	return fmt.Sprintf("one page has more than %d rows, and %d were asked for", maxPageRows, pageSize)
}

func (*pageRowsError) advice() string {
	return "check that the URL is a FlashArray's management address: something else may have answered"
}
