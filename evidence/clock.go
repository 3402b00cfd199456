package evidence

import "time"

// ClockTolerance is by how much two clocks may disagree before it is worth a
// word, and before what one of them says of a moment is told by the other.
const ClockTolerance = 5 * time.Minute

// Skew is how far a clock that the witness told was ahead of the time, by this
// machine's clock, in which it was read; negative when it was behind, and zero
// when it lay within or one of them is not known.
func (s Source) Skew(clock time.Time) time.Duration {
	switch {
	case clock.IsZero() || s.Began.IsZero() || s.Ended.IsZero():
		return 0
	case clock.Before(s.Began):
		return clock.Sub(s.Began)
	case clock.After(s.Ended):
		return clock.Sub(s.Ended)
	default:
		return 0
	}
}

// Deadline is when a timer of the array runs out, zero when that is not known.
// An array counts down and does not name a moment: when its clock is far off,
// the moment is told by this machine's.
func (a *Array) Deadline(remaining time.Duration) time.Time {
	switch {
	case remaining <= 0 || a.Clock.IsZero():
		return time.Time{}
	case a.Skew(a.Clock).Abs() > ClockTolerance:
		return a.Ended.Add(remaining).UTC()
	default:
		return a.Clock.Add(remaining).UTC()
	}
}
