package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

func none(string) string { return "" }

// The test is a Go program itself, and knows what it is made of.
func TestOfThisProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	epoch := func(name string) string {
		if name == "SOURCE_DATE_EPOCH" {
			return "1795359600"
		}
		return ""
	}
	var first, second bytes.Buffer
	if err := run([]string{self, "v1.2.3"}, epoch, &first); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{self, "v1.2.3"}, epoch, &second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Errorf("the second list differs, %v", err)
	}
	var d document
	decoder := json.NewDecoder(&first)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	if d.Format != "CycloneDX" || d.Spec != "1.5" || d.Version != 1 || d.Metadata.Timestamp != "2026-11-22T15:00:00Z" {
		t.Errorf("%+v", d)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(d.Serial) {
		t.Errorf("the serial number is %s", d.Serial)
	}
	if d.Metadata.Component.Name != "pureclean" || len(d.Metadata.Component.Hashes) != 1 {
		t.Errorf("%+v", d.Metadata.Component)
	}
	goVersion := strings.TrimPrefix(runtime.Version(), "go")
	if !slices.ContainsFunc(d.Components, func(c component) bool { return c.PURL == "pkg:golang/stdlib@"+goVersion }) {
		t.Errorf("the standard library %s is not listed: %+v", goVersion, d.Components)
	}
	info, _ := debug.ReadBuildInfo()
	if len(d.Components) != len(info.Deps)+1 {
		t.Errorf("%d components, and it is made of %d", len(d.Components), len(info.Deps)+1)
	}
}

func TestList(t *testing.T) {
	sum := "h1:" + strings.Repeat("A", 43) + "="
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Main:      debug.Module{Path: "github.com/pureclean/pureclean", Version: "(devel)"},
		Deps: []*debug.Module{
			{Path: "golang.org/x/sys", Version: "v0.49.0", Sum: sum},
			{Path: "github.com/canonical/lxd", Version: "v0.0.0-20250801102235-fec3cc832ca7"},
			{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/New", Version: "v2.0.0+incompatible"}},
		},
		Settings: []debug.BuildSetting{
			{Key: "GOARCH", Value: "arm64"}, {Key: "vcs.revision", Value: "abc"}, {Key: "-gcflags", Value: "/home/me"},
		},
	}
	d, err := list(info, "v1.2.3-4-gabc", [32]byte{1}, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range d.Components {
		got = append(got, c.Type+" "+c.PURL)
	}
	want := []string{
		"library pkg:golang/example.com/New@v2.0.0%2Bincompatible",
		"library pkg:golang/github.com/canonical/lxd@v0.0.0-20250801102235-fec3cc832ca7",
		"library pkg:golang/golang.org/x/sys@v0.49.0",
		"library pkg:golang/stdlib@1.26.8",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	c := d.Metadata.Component
	if c.PURL != "pkg:golang/github.com/pureclean/pureclean@v1.2.3-4-gabc" || len(c.Properties) != 2 {
		t.Errorf("%+v", c)
	}
	if len(d.Dependencies) != 1 || d.Dependencies[0].Ref != c.Ref || len(d.Dependencies[0].DependsOn) != 4 {
		t.Errorf("%+v", d.Dependencies)
	}
	if d.Components[2].Properties[0].Value != sum {
		t.Errorf("%+v", d.Components[2])
	}

	info.Deps[0].Sum = "h1:x"
	if _, err := list(info, "v1.2.3-4-gabc", [32]byte{1}, ""); err == nil {
		t.Error("a sum that is none is taken")
	}
	if _, err := list(&debug.BuildInfo{}, "v1", [32]byte{1}, ""); err == nil {
		t.Error("a program of no module is taken")
	}
}

func TestRefuses(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {self}, {self, ""}, {"a", "b", "c"}, {script, "v1"}, {filepath.Join(t.TempDir(), "absent"), "v1"}} {
		var out bytes.Buffer
		if err := run(args, none, &out); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, printed %q", args, err, out.String())
		}
	}
	if err := run([]string{self, "v1.2.3"}, func(string) string { return "soon" }, &bytes.Buffer{}); err == nil {
		t.Error("a time that is none is taken")
	}
}
