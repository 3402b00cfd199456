// Package secret carries tokens through the program so that they can't be
// printed by accident.
package secret

import "log/slog"

const redacted = "[redacted]"

// Text is a secret. Every way of printing or encoding it gives "[redacted]"
// (or "" for none); only Reveal gives the text.
type Text struct{ text string }

// New wraps a secret.
func New(text string) Text { return Text{text} }

// Reveal returns the secret itself, for a request header and nothing else.
func (t Text) Reveal() string { return t.text }

// IsEmpty reports that there is no secret.
func (t Text) IsEmpty() bool { return t.text == "" }

// String hides the secret.
func (t Text) String() string {
	if t.text == "" {
		return ""
	}
	return redacted
}

// GoString hides the secret from %#v.
func (t Text) GoString() string { return t.String() }

// LogValue hides the secret from slog.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText hides the secret from JSON, YAML and the like.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
