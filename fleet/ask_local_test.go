package fleet

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// What a machine says is taken only from the same version, of a boot that it
// names, and if it is of now by both clocks. The client is a script, so this
// needs no ssh server.
func TestAnswerIsOfNowAndOfThisVersion(t *testing.T) {
	dir := t.TempDir()
	client := filepath.Join(dir, "ssh")
	if err := os.WriteFile(client, []byte("#!/bin/sh\ncat "+dir+"/answer\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	f := New(Options{Client: []string{client}, Version: "v1", Now: func() time.Time { return now }})
	for _, c := range []struct {
		name, why string
		change    func(*Answer)
	}{
		{"good", "", func(*Answer) {}},
		{"a clock within the limit", "", func(a *Answer) { a.Began = now.Add(-clockLimit) }},
		{"a clock within the limit, ahead", "", func(a *Answer) { a.Began = now.Add(clockLimit) }},
		{"a clock behind", "its clock is wrong, or the answer is old", func(a *Answer) { a.Began = now.Add(-clockLimit - time.Second) }},
		{"a clock ahead", "its clock is wrong, or the answer is old", func(a *Answer) { a.Began = now.Add(clockLimit + time.Second) }},
		{"no time", "its clock is wrong, or the answer is old", func(a *Answer) { a.Began = time.Time{} }},
		{"another version", "its pureclean is v2, and this is v1", func(a *Answer) { a.Version, a.Conversation = "v2", newest(conversations)+1 }},
		{"another version that speaks alike", "", func(a *Answer) { a.Version = "v2" }},
		{"no version", "an older one", func(a *Answer) { a.Version, a.Conversation = "", 0 }},
		{"no boot", "which boot", func(a *Answer) { a.Boot = "" }},
		{"another schema", "schema", func(a *Answer) { a.Schema = "pureclean/devices/v9" }},
	} {
		answer := Answer{Schema: AnswerSchema, Version: "v1", Conversation: newest(conversations), Host: evidence.Host{
			Source: evidence.Source{Name: "lxd02", Began: now, Ended: now}, Boot: "b2", AllProcesses: evidence.Yes, Disks: evidence.Complete([]evidence.Disk{}),
		}}
		c.change(&answer)
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "answer"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		host := f.Ask(t.Context(), "lxd02")
		if c.why == "" {
			if host.Trouble != "" || host.Boot != "b2" || !host.Disks.IsComplete() {
				t.Errorf("%s: %+v", c.name, host)
			}
			continue
		}
		if !strings.Contains(host.Trouble, c.why) || host.Boot != "" || host.Disks.IsComplete() || host.AllProcesses.Is() {
			t.Errorf("%s: %q, %+v", c.name, host.Trouble, host)
		}
	}
}
