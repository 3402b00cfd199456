package fleet

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// Holder is the run that changes something from a machine, if one does.
type Holder struct {
	// Held is unknown where the machine can't tell; Why says why not.
	Held evidence.Answer `json:"held"`
	Why  string          `json:"why,omitempty"`
	// Token tells the run from any other.
	Token string `json:"token,omitempty"`
	// By is the operator, and PID the process on the machine that calls itself
	// Host.
	By    string    `json:"by,omitempty"`
	Host  string    `json:"host,omitempty"`
	PID   int       `json:"pid,omitempty"`
	Since time.Time `json:"since,omitzero"`
	// Alone is set once it has found nobody who works from another member.
	Alone bool `json:"alone,omitempty"`
	// Done of the Of volumes of a batch have ended.
	Done int `json:"done,omitempty"`
	Of   int `json:"of,omitempty"`
}

// Holder is the run that worked from a member when it last answered. Of one
// that did not answer nothing is known.
func (f *Fleet) Holder(name string) Holder {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, heard := f.holders[name]
	if !heard {
		h.Why = "it did not answer"
	}
	return h
}

// IsSame reports one and the same run: machines that share a state directory
// have it from the same file.
func (h Holder) IsSame(other Holder) bool {
	return h.Token != "" && h.Token == other.Token
}

// IsBefore reports which of two that began together goes on: both sides come
// to the same answer, whatever their clocks say. The names are LXD's of the
// members.
func (h Holder) IsBefore(name string, other Holder, otherName string) bool {
	return cmp.Or(h.Since.Compare(other.Since), strings.Compare(name, otherName)) < 0
}

// String is who it is, since when, and how far it has come.
func (h Holder) String() string {
	all := []string{cmp.Or(h.By, "somebody")}
	if h.PID != 0 {
		all = append(all, fmt.Sprintf("process %d", h.PID))
	}
	if !h.Since.IsZero() {
		all = append(all, "since "+h.Since.UTC().Format("2006-01-02 15:04 MST"))
	}
	if h.Of > 1 {
		all = append(all, fmt.Sprintf("%d of %d volumes", h.Done, h.Of))
	}
	return strings.Join(all, ", ")
}
