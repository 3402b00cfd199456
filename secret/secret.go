// Package secret carries tokens through the program so that they can't be
// printed by accident.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Text is a secret. Every way of printing or encoding it gives "[redacted]"
// (or "" for none); only Reveal gives the text.
//
// The text is behind a function and not in a string: package fmt can't call
// methods on unexported fields and would print a string that lies there.
type Text struct{ reveal func() string }

// New wraps a secret.
func New(text string) Text { return Text{func() string { return text }} }

// Reveal returns the secret itself, for a request header and nothing else.
func (t Text) Reveal() string {
	if t.reveal == nil {
		return ""
	}
	return t.reveal()
}

// IsEmpty reports that there is no secret.
func (t Text) IsEmpty() bool { return t.Reveal() == "" }

// String hides the secret.
func (t Text) String() string {
	if t.IsEmpty() {
		return ""
	}
	return redacted
}

// Format hides the secret from every verb of package fmt; String alone would
// leave it to %d.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// GoString hides the secret from %#v.
func (t Text) GoString() string { return t.String() }

// LogValue hides the secret from slog.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText hides the secret from JSON, YAML and the like.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
