//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// toolLimit is longer than any repair should take. On a machine without
// hardware help, two others beside it on a slow host, each look at two hundred
// maps takes ten seconds, and a repair looks twenty times.
const toolLimit = 8 * time.Minute

// answer is what a run of pureclean said.
type answer struct {
	status      int
	out, errors string
	took        time.Duration
}

// pureclean runs the real program. Its exit status is an answer, not an error.
func (r *rig) pureclean(args ...string) (answer, error) {
	return r.tool([]string{"env", "LXD_DIR=" + lxdDir, "LXD_SOCKET=" + r.world.Socket, "./pureclean"}, args...)
}

// tool runs pureclean by a command.
func (r *rig) tool(command []string, args ...string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), toolLimit)
	defer cancel()
	argv := append(slices.Clone(command), args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second
	var out, failed bytes.Buffer
	started := time.Now()
	// What it says on the way stands in the log when it is said.
	cmd.Stdout, cmd.Stderr = &out, io.MultiWriter(&failed, &said{began: started})
	err := cmd.Run()
	a := answer{out: out.String(), errors: failed.String(), took: time.Since(started)}
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return a, fmt.Errorf("pureclean %s took longer than %s", strings.Join(args, " "), toolLimit)
	case errors.As(err, &ended):
		a.status = ended.ExitCode()
	case err != nil:
		return a, err
	}
	fmt.Printf("   pureclean %s: status %d in %.1f s\n", strings.Join(args, " "), a.status, a.took.Seconds())
	return a, nil
}

// said prints what a program says, with the seconds at which it did.
type said struct{ began time.Time }

func (s *said) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		if strings.TrimSpace(line) != "" {
			fmt.Printf("      %5.1f  %s\n", time.Since(s.began).Seconds(), strings.TrimRight(line, "\n"))
		}
	}
	return len(p), nil
}

// scanned is what the scenarios ask of "scan -o json".
type scanned struct {
	Complete bool      `json:"complete"`
	Doubts   []string  `json:"doubts"`
	Findings []finding `json:"findings"`
}

type finding struct {
	Code    string   `json:"code"`
	Object  string   `json:"object"`
	Serial  string   `json:"serial"`
	Verdict string   `json:"verdict"`
	Detail  string   `json:"detail"`
	Remedy  []string `json:"remedy"`
	Gates   []struct {
		Gate   string `json:"gate"`
		Result string `json:"result"`
		Why    string `json:"why"`
	} `json:"gates"`
}

// against are the gates that did not pass, with their sentences.
func (f finding) against() []string {
	var all []string
	for _, g := range f.Gates {
		if g.Result != "pass" && g.Result != "waived" {
			all = append(all, fmt.Sprintf("%s %s: %s", g.Gate, g.Result, g.Why))
		}
	}
	return all
}

func (r *rig) scan() (scanned, error) {
	a, err := r.pureclean("scan", "-o", "json")
	if err != nil {
		return scanned{}, err
	}
	var s scanned
	if err := json.Unmarshal([]byte(a.out), &s); err != nil {
		return s, fmt.Errorf("scan printed no JSON: %w: %s%s", err, a.out, a.errors)
	}
	for _, f := range s.Findings {
		fmt.Printf("      %s %s %s: %s\n", f.Code, f.Object, f.Verdict, f.Detail)
		for _, g := range f.against() {
			fmt.Printf("         %s\n", g)
		}
	}
	for _, d := range s.Doubts {
		fmt.Printf("      not known: %s\n", d)
	}
	return s, nil
}

func (s scanned) find(code, object string) (finding, bool) {
	for _, f := range s.Findings {
		if f.Code == code && f.Object == object {
			return f, true
		}
	}
	return finding{}, false
}
