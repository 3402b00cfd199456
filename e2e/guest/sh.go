//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// commandLimit bounds every command: one that hangs in the kernel is
// abandoned and told of.
const commandLimit = 40 * time.Second

// slow commands are told of.
const slow = 2 * time.Second

// sh runs a program and returns what it printed.
func sh(name string, args ...string) (string, error) {
	return shFor(commandLimit, name, args...)
}

func shFor(limit time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	// A program in D state ignores the signal.
	cmd.WaitDelay = time.Second
	// Two hundred maps in one command are thirty kilobytes.
	command := fmt.Sprintf("%.300s", name+" "+strings.Join(args, " "))
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if took := time.Since(began); took > slow {
		fmt.Printf("   %s took %.1f s\n", command, took.Seconds())
	}
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// exitCode is the status that a program ended with.
func exitCode(err error) int {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode()
	}
	return -1
}

// write writes a value to a file of the kernel.
func write(path, value string) error {
	return os.WriteFile(path, []byte(value), 0)
}

// writes writes values to files below dir, in order: name, value, ...
func writes(dir string, pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := write(filepath.Join(dir, pairs[i]), pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// read is a file's text without the white space around it, "" if there is none.
func read(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.Trim(string(data), " \n\x00")
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// names are those of a directory's entries that fit the pattern.
func names(pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	for i, p := range paths {
		paths[i] = filepath.Base(p)
	}
	return paths
}

// await asks until it is so.
func await(limit time.Duration, what string, so func() bool) error {
	for end := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		if so() {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("after %s it is still not so that %s", limit, what)
		}
	}
}

// all runs steps until one fails.
func all(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// tell prints what may explain a failure.
func tell() {
	for _, command := range []string{
		"lsblk -o NAME,MAJ:MIN,SIZE,TYPE,WWN,MOUNTPOINT", "multipath -ll", "dmsetup table", "dmsetup status", "ls -l /dev/disk/by-id",
		"udevadm settle --timeout=5", "ls -lR /run/udev", "iscsiadm -m session", "nvme list-subsys", "ps axo pid,stat,wchan:24,args", "dmesg",
	} {
		words := strings.Fields(command)
		out, err := shFor(10*time.Second, words[0], words[1:]...)
		if err != nil {
			out = err.Error() + "\n"
		}
		lines := strings.Split(out, "\n")
		fmt.Printf("--- %s\n%s", command, strings.Join(lines[max(0, len(lines)-60):], "\n"))
	}
}
