package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pureclean/pureclean/evidence"
)

// AnswerSchema is that of an Answer's JSON.
const AnswerSchema = "pureclean/devices/v1"

// answerBytes bounds an answer. A machine with ten thousand devices sends a
// quarter of it.
const answerBytes = 64 << 20

// Answer is what "pureclean devices -o json" prints.
type Answer struct {
	Schema string `json:"schema"`
	// Version is the program's, Conversation that of what it says.
	Version      string `json:"version"`
	Conversation int    `json:"conversation"`
	// Holder is the run that changes something from that machine.
	Holder Holder `json:"holder"`
	evidence.Host
}

// AnswerOf is what this program says of a machine.
func AnswerOf(host evidence.Host, holder Holder, version string) Answer {
	return Answer{Schema: AnswerSchema, Version: version, Conversation: newest(conversations), Holder: holder, Host: host}
}

var (
	// errGarbage is text that is no answer, errEmpty no text at all.
	errGarbage = errors.New("what it sent is no answer of pureclean")
	errEmpty   = errors.New("it sent nothing")
)

// readAnswer reads one answer and nothing else.
func readAnswer(r io.Reader) (Answer, error) {
	limited := &io.LimitedReader{R: r, N: answerBytes + 1}
	decoder := json.NewDecoder(limited)
	var a Answer
	err := decoder.Decode(&a)
	switch {
	case limited.N <= 0:
		return Answer{}, fmt.Errorf("%w: it is longer than %d MiB", errGarbage, answerBytes>>20)
	case errors.Is(err, io.EOF):
		return Answer{}, errEmpty
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Answer{}, fmt.Errorf("%w: it ends in the middle", errGarbage)
	case err != nil:
		return Answer{}, fmt.Errorf("%w: %w", errGarbage, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Answer{}, fmt.Errorf("%w: something follows it", errGarbage)
	}
	if a.Schema != AnswerSchema {
		return Answer{}, fmt.Errorf("%w: its schema is %.60q and not %q", errGarbage, a.Schema, AnswerSchema)
	}
	return a, nil
}
