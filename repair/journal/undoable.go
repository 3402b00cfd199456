package journal

import (
	"slices"
	"time"
)

// Undoable are the runs of a list that can still be taken back: they
// destroyed something, the array's timer has not run out, and nobody has
// undone or eradicated it since.
func Undoable(all []Summary, now time.Time) []Summary {
	return slices.DeleteFunc(slices.Clone(all), func(s Summary) bool {
		return s.Kind != KindFix || s.State == Undone || !s.Deadline().After(now) || eradicated(all, s.ID)
	})
}

// Deadline is when an undo stops being possible by this machine's clock: it is
// what people are told, and what is held against now.
func (s Summary) Deadline() time.Time {
	if s.UntilHere.IsZero() {
		return s.Until
	}
	return s.UntilHere
}

// eradicated: a run that found that nobody may eradicate (SafeMode) is
// finished too, but says until when the volume can be recovered.
func eradicated(all []Summary, id string) bool {
	return slices.ContainsFunc(all, func(s Summary) bool {
		return s.Kind == KindEradicate && s.Of == id && s.State == Finished && s.Until.IsZero()
	})
}
