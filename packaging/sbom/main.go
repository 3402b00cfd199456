// Sbom lists what a Go program is made of, as CycloneDX 1.5 in JSON, from
// what the Go linker wrote into the program itself: what was linked, and not
// what some file says should have been.
//
//	go run ./packaging/sbom pureclean v1.2.3 > pureclean.cdx.json
//
// The version is given, because go build -trimpath keeps what the linker was
// told to itself.
//
// The same program gives the same list: the time is $SOURCE_DATE_EPOCH, and
// none without it.
package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, getenv func(string) string, out io.Writer) error {
	if len(args) != 2 || args[1] == "" {
		return errors.New("usage: sbom PROGRAM VERSION")
	}
	info, err := buildinfo.ReadFile(args[0])
	if err != nil {
		return err
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	when, err := date(getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	bill, err := list(info, args[1], sha256.Sum256(data), when)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(bill)
}

// date is the time as CycloneDX wants it, empty for none.
func date(epoch string) (string, error) {
	if epoch == "" {
		return "", nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return "", fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339), nil
}

type document struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Serial       string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Licenses   []license  `json:"licenses,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type license struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

func list(info *debug.BuildInfo, version string, sum [sha256.Size]byte, when string) (document, error) {
	if info.Main.Path == "" {
		return document{}, errors.New("it does not say which module it is")
	}
	program := module("application", debug.Module{Path: info.Main.Path, Version: version})
	program.Name = path.Base(info.Main.Path)
	program.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum[:])}}
	apache := license{}
	apache.License.ID = "Apache-2.0"
	program.Licenses = []license{apache}
	for _, s := range info.Settings {
		// What it was built for; paths of the machine that built it are out.
		if slices.Contains([]string{"GOOS", "GOARCH", "GOAMD64", "GOARM64", "CGO_ENABLED", "-tags", "-trimpath", "vcs.revision"}, s.Key) {
			program.Properties = append(program.Properties, property{"go:" + s.Key, s.Value})
		}
	}
	toolchain := module("library", debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")})
	components := []component{toolchain}
	for _, m := range info.Deps {
		used := *m
		if m.Replace != nil {
			used = *m.Replace
		}
		c := module("library", used)
		if used.Sum != "" {
			// Go's own sum is one over a list of files, so it is no "hash"
			// of a file.
			digest, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(used.Sum, "h1:"))
			if err != nil || len(digest) != sha256.Size {
				return document{}, fmt.Errorf("%s has the sum %q", used.Path, used.Sum)
			}
			c.Properties = []property{{"go:sum", used.Sum}}
		}
		components = append(components, c)
	}
	slices.SortFunc(components, func(a, b component) int { return cmp.Compare(a.Ref, b.Ref) })
	refs := make([]string, len(components))
	for i, c := range components {
		refs[i] = c.Ref
	}
	return document{
		Format: "CycloneDX", Spec: "1.5", Serial: "urn:uuid:" + uuid(sum), Version: 1,
		Metadata:     metadata{when, program},
		Components:   components,
		Dependencies: []dependency{{program.Ref, refs}},
	}, nil
}

// module is a module with its package URL, the name by which vulnerabilities
// are looked up.
func module(kind string, m debug.Module) component {
	purl := "pkg:golang/" + strings.ReplaceAll(url.PathEscape(m.Path), "%2F", "/")
	if m.Version != "" {
		purl += "@" + url.QueryEscape(m.Version)
	}
	return component{Type: kind, Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
}

// uuid makes the document's number from the program, so that the same program
// has the same.
func uuid(sum [sha256.Size]byte) string {
	id := sum[:16]
	id[6] = id[6]&0x0f | 0x80 // version 8: made in a way of one's own
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}
