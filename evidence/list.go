package evidence

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
)

// List is what a witness listed, and whether that is all of it. The zero
// List is incomplete: nobody was asked. Only Complete makes a complete one.
//
// The asymmetry to keep in mind: a candidate missing from a list of things to
// remove is harmless, a record missing from a list of things to keep is not.
type List[T any] struct {
	// Items is what was read, even when the list is not complete.
	Items []T
	whole bool
	why   string
}

// Complete is a list known to hold everything.
func Complete[T any](items []T) List[T] { return List[T]{Items: items, whole: true} }

// Incomplete is a list that may lack something, and why.
func Incomplete[T any](items []T, why string) List[T] {
	return List[T]{Items: items, why: cmp.Or(why, "no reason was given")}
}

// IsComplete reports whether the list holds everything.
func (l List[T]) IsComplete() bool { return l.whole }

// Why says why the list may lack something; empty when it is complete.
func (l List[T]) Why() string {
	if !l.whole && l.why == "" {
		return "it was not read"
	}
	return l.why
}

// Doubt returns the list made incomplete for one more reason.
func (l List[T]) Doubt(why string) List[T] {
	if l.why != "" {
		why = l.why + "; " + why
	}
	return Incomplete(l.Items, why)
}

// Refs are pointers to the items of a list, which are too large to be copied.
func Refs[T any](items []T) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := range items {
			if !yield(&items[i]) {
				return
			}
		}
	}
}

// Find is the first item of a list that is so; nil for none.
func Find[T any](items []T, is func(*T) bool) *T {
	for item := range Refs(items) {
		if is(item) {
			return item
		}
	}
	return nil
}

type listJSON[T any] struct {
	Complete bool   `json:"complete"`
	Why      string `json:"why,omitempty"`
	Items    []T    `json:"items"`
}

// MarshalJSON writes {"complete":…,"why":…,"items":[…]}; items is never null.
func (l List[T]) MarshalJSON() ([]byte, error) {
	items := l.Items
	if items == nil {
		items = []T{}
	}
	return json.Marshal(listJSON[T]{Complete: l.whole, Why: l.Why(), Items: items})
}

// UnmarshalJSON reads what MarshalJSON writes. A list that claims to be
// complete and gives a reason why not is refused.
func (l *List[T]) UnmarshalJSON(data []byte) error {
	var in listJSON[T]
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if in.Complete && in.Why != "" {
		return fmt.Errorf("a list is complete and yet not: %s", in.Why)
	}
	if in.Complete && in.Items == nil {
		return fmt.Errorf("a complete list has no items key")
	}
	*l = List[T]{Items: in.Items, whole: in.Complete, why: in.Why}
	return nil
}
