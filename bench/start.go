package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// starts is how often each program is started.
const starts = 200

// bare is the least that a Go program can be.
const bare = `package main

import "os"

func main() { os.Stdout.WriteString("bare\n") }
`

// startRatio compares starting the program, and a TAB, with a bare Go program,
// and weighs it.
func startRatio(dir, program string) error {
	source, floor := filepath.Join(dir, "bare.go"), filepath.Join(dir, "bare")
	if err := os.WriteFile(source, []byte(bare), 0o600); err != nil {
		return err
	}
	if err := build(floor, source); err != nil {
		return err
	}
	cache, err := names(filepath.Join(dir, "cache"))
	if err != nil {
		return err
	}
	commands := []struct {
		name string
		argv []string
	}{
		{"bare Go program", []string{floor}},
		{"pureclean version", []string{program, "version"}},
		{"a TAB", []string{program, "__complete", "zsh", "explain", "--object", ""}},
	}
	took := make([][]time.Duration, len(commands))
	// They take turns, so that a machine that grows slower does so for all.
	for range starts {
		for i, c := range commands {
			command := exec.Command(c.argv[0], c.argv[1:]...)
			command.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
			began := time.Now()
			if err := command.Run(); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
	fmt.Printf("\n| %d starts | least | median | least / bare |\n|---|---|---|---|\n", starts)
	for i, c := range commands {
		slices.Sort(took[i])
		fmt.Printf("| %s | %.1f ms | %.1f ms | %.1f |\n", c.name,
			milliseconds(took[i][0]), milliseconds(took[i][starts/2]), took[i][0].Seconds()/took[0][0].Seconds())
	}
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	fmt.Printf("\nThe program, stripped: %.1f MB.\n", float64(info.Size())/1e6)
	return nil
}

// names is a cache directory with as many names for TAB as it can hold.
func names(cache string) (string, error) {
	var b strings.Builder
	b.WriteString("pureclean/names/v1\n")
	for i := range 4000 {
		fmt.Fprintf(&b, "finding\tpurepool\tpurepool::u-%032x\tleaked-volume, safe to repair\n", i)
	}
	dir := filepath.Join(cache, "pureclean")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return cache, os.WriteFile(filepath.Join(dir, "names"), []byte(b.String()), 0o600)
}
