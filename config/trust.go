package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// UntrustedError is a file or directory that others can write to, or replace.
// What is read there decides what is changed on an array, so it must be
// nobody's but root's, or whose who runs this.
type UntrustedError struct {
	// Path is where others can write, Of what it leads to.
	Path, Of string
	Why      string
	// Mend is the command that mends it.
	Mend string
}

func (e *UntrustedError) Error() string {
	if e.Path == e.Of {
		return e.Of + " can't be trusted: " + e.Why
	}
	return e.Of + " can't be trusted: " + e.Path + " " + e.Why
}

// mostLinks bounds the symbolic links on the way to a file, as the kernel does.
const mostLinks = 40

// Trusted reports who else can write to a path, or replace it: each directory on
// the way belongs to root or to who runs this, and others can't write to it
// unless its sticky bit keeps them from replacing what is not theirs. What does
// not exist is trusted if nobody else can make it.
func Trusted(path string) error {
	whole, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	return trusted(whole, whole, mostLinks)
}

func trusted(path, of string, links int) error {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	at := "/"
	for i := -1; i < len(parts); i++ {
		if i >= 0 {
			at = filepath.Join(at, parts[i])
		}
		info, err := os.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", of, err)
		}
		if err := judge(at, of, info, i == len(parts)-1); err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := os.Readlink(at)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", of, err)
		case links == 0:
			return fmt.Errorf("%s: too many symbolic links", of)
		case !filepath.IsAbs(target):
			target = filepath.Join(filepath.Dir(at), target)
		}
		return trusted(filepath.Join(append([]string{target}, parts[i+1:]...)...), of, links-1)
	}
	return nil
}

// judge looks at one part of a path.
func judge(at, of string, info fs.FileInfo, last bool) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: it can't be told whose %s is", of, at)
	}
	if owner := int(stat.Uid); owner != 0 && owner != os.Geteuid() {
		return &UntrustedError{at, of, fmt.Sprintf("belongs to uid %d", owner), fmt.Sprintf("chown %d %s", os.Geteuid(), quoted(at))}
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil // a link's own mode says nothing
	}
	perm := info.Mode().Perm()
	if owner := stat.Uid; owner != 0 && stat.Gid == owner {
		perm &^= 0o020 // a group of that user's own, which many systems make
	}
	sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0 && !last
	if perm&0o022 != 0 && !sticky {
		return &UntrustedError{at, of, fmt.Sprintf("can be written to by others (mode %04o)", info.Mode().Perm()), "chmod go-w " + quoted(at)}
	}
	return nil
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// TrustedState holds a state directory and what lies in it to the same: the
// journal of runs, and what earlier runs saw.
func TrustedState(dir string) error {
	if err := Trusted(dir); err != nil {
		return err
	}
	root, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", dir, err)
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another run has just replaced it
		}
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		return judge(path, dir, info, true)
	})
}
