package evidence

import "fmt"

// Answer is yes, no or unknown. The zero value is Unknown, and unknown is
// never safe: use Is and IsNot, which are both false for it.
type Answer int8

// The three answers.
const (
	Unknown Answer = iota
	No
	Yes
)

// AnswerOf turns a statement that is certain into an Answer.
func AnswerOf(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// Is reports a certain yes.
func (a Answer) Is() bool { return a == Yes }

// IsNot reports a certain no.
func (a Answer) IsNot() bool { return a == No }

// And is yes only when both are, no when either is, unknown otherwise.
func (a Answer) And(b Answer) Answer {
	switch {
	case a == No || b == No:
		return No
	case a == Yes && b == Yes:
		return Yes
	default:
		return Unknown
	}
}

// String returns yes, no or unknown.
func (a Answer) String() string {
	switch a {
	case Yes:
		return "yes"
	case No:
		return "no"
	default:
		return "unknown"
	}
}

// MarshalText writes yes, no or unknown.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText writes and refuses anything else.
func (a *Answer) UnmarshalText(text []byte) error {
	for _, one := range []Answer{Unknown, No, Yes} {
		if one.String() == string(text) {
			*a = one
			return nil
		}
	}
	return fmt.Errorf("%q is not yes, no or unknown", text)
}

// Count is a number that may not be known. The zero value is not known.
type Count struct {
	N     int64
	Known bool
}

// CountOf is a known number.
func CountOf(n int64) Count { return Count{N: n, Known: true} }

// IsZero reports a number known to be zero.
func (c Count) IsZero() bool { return c.Known && c.N == 0 }

// Plus is the sum, which is known only when both are.
func (c Count) Plus(other Count) Count {
	if !c.Known || !other.Known {
		return Count{}
	}
	return CountOf(c.N + other.N)
}

// String returns the number or "unknown".
func (c Count) String() string {
	if !c.Known {
		return "unknown"
	}
	return fmt.Sprint(c.N)
}

// MarshalJSON writes the number, or null when it is not known.
func (c Count) MarshalJSON() ([]byte, error) {
	if !c.Known {
		return []byte("null"), nil
	}
	return fmt.Append(nil, c.N), nil
}

// UnmarshalJSON reads a whole number or null.
func (c *Count) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*c = Count{}
		return nil
	}
	var n int64
	if _, err := fmt.Sscanf(string(data), "%d", &n); err != nil || fmt.Sprint(n) != string(data) {
		return fmt.Errorf("%q is not a whole number", data)
	}
	*c = CountOf(n)
	return nil
}
