package journal

import (
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"time"
)

// Schema is in the first record of each run.
const Schema = "pureclean/run/v1"

// What is what a record says.
type What string

// The kinds of records. A step has a Before and an After; an action is one
// write to a device and has the same. What has no After may have been done.
const (
	WhatBegin  What = "begin"
	WhatResume What = "resume"
	WhatBefore What = "before"
	WhatAfter  What = "after"
	WhatAction What = "action"
	WhatEnd    What = "end"
)

// Kind is what a run is for.
type Kind string

// The kinds of runs.
const (
	KindFix       Kind = "fix"
	KindUndo      Kind = "undo"
	KindEradicate Kind = "eradicate"
)

// Outcome is how a step or a run ended.
type Outcome string

// The outcomes. Of a step: Done was done by us and seen to be so, Already was
// so before, Failed is certainly not so, Unclear may or may not be so. Of a
// run: Done, Refused and Declined changed nothing that stayed, Failed did or
// may have.
const (
	Done     Outcome = "done"
	Already  Outcome = "already"
	Failed   Outcome = "failed"
	Unclear  Outcome = "unclear"
	Refused  Outcome = "refused"
	Declined Outcome = "declined"
)

// Operator is who ran it.
type Operator struct {
	User string `json:"user"`
	UID  int    `json:"uid"`
	// Sudo is who became that user with sudo; empty for nobody.
	Sudo string `json:"sudo,omitempty"`
	Host string `json:"host"`
	PID  int    `json:"pid"`
}

// CurrentOperator is who runs this process; getenv is os.Getenv outside of
// tests.
func CurrentOperator(getenv func(string) string) Operator {
	o := Operator{UID: os.Getuid(), PID: os.Getpid(), Sudo: getenv("SUDO_USER")}
	o.User = strconv.Itoa(o.UID)
	if u, err := user.Current(); err == nil {
		o.User = u.Username
	}
	// Without a name the operator is still known.
	o.Host, _ = os.Hostname()
	return o
}

// Object is what a step is about, as the array and the hosts name it.
type Object struct {
	ArrayID  string `json:"array_id,omitempty"`
	Name     string `json:"name,omitempty"`
	ID       string `json:"id,omitempty"`
	Serial   string `json:"serial,omitempty"`
	Host     string `json:"host,omitempty"`     // the array host
	Machine  string `json:"machine,omitempty"`  // the member whose devices
	Snapshot bool   `json:"snapshot,omitempty"` // it is a snapshot
}

// Record is one line.
type Record struct {
	// N counts a run's records from 1. Both are set by Append.
	N    int       `json:"n"`
	Time time.Time `json:"time"`
	What What      `json:"what"`

	// Of a begin. Of is the run that is undone.
	Schema   string          `json:"schema,omitempty"`
	Kind     Kind            `json:"kind,omitempty"`
	Of       string          `json:"of,omitempty"`
	Operator *Operator       `json:"operator,omitempty"`
	Plan     json.RawMessage `json:"plan,omitempty"`
	// HostsDown are members that the operator gave the word for: their
	// machines are down. Also of a resume.
	HostsDown []string `json:"hosts_down,omitempty"`
	// DatabaseIsCurrent is the operator's word that LXD's database is the
	// pool's true history. Also of a resume.
	DatabaseIsCurrent bool `json:"database_is_current,omitempty"`
	// EvenIfRecovered is the operator's word that what somebody has recovered
	// may be destroyed again. Also of a resume.
	EvenIfRecovered bool `json:"even_if_recovered,omitempty"`

	// Of a step and of its actions: its place in the plan, from 1, and its
	// kind in the table of steps.
	Step     int     `json:"step,omitempty"`
	StepKind string  `json:"step_kind,omitempty"`
	Object   *Object `json:"object,omitempty"`
	// Waived are the gates that rest on the operator's word instead of on
	// evidence, each with what it said.
	Waived []string `json:"waived,omitempty"`
	// State is how the object was before, and is after.
	State json.RawMessage `json:"state,omitempty"`
	// Action is one write to a device.
	Action json.RawMessage `json:"action,omitempty"`
	// RequestID is in the array's own log.
	RequestID string  `json:"request_id,omitempty"`
	Outcome   Outcome `json:"outcome,omitempty"`
	// Until is when an undo stops being possible, by the array's clock. Within
	// is by how much it may be too early.
	Until  time.Time     `json:"until,omitzero"`
	Within time.Duration `json:"within_ns,omitempty"`
	// UntilHere is the same by this machine's clock, if the array's, by which
	// Until is, was far off.
	UntilHere time.Time `json:"until_here,omitzero"`
	// Gate is the one that refused, Note is for people, Error what went wrong.
	Gate  string `json:"gate,omitempty"`
	Note  string `json:"note,omitempty"`
	Error string `json:"error,omitempty"`
}

// line is the record as it stands in the file. JSON escapes line breaks, so
// that a record is one line whatever an error says.
func (r Record) line() ([]byte, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("record %d can't be written: %w", r.N, err)
	}
	return append(line, '\n'), nil
}
