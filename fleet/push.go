package fleet

import (
	"fmt"
	"io/fs"
	"runtime"
	"strings"
)

// pushScript receives a program, runs it and removes it. It is one word of
// sh -c: no quote may stand in it. The directory is private and its name
// plain; what was received is run only when it is all there.
const pushScript = `m=$(uname -sm); [ "$m" = "%[1]s" ] || { echo "other-machine: $m" >&2; exit 125; }; ` +
	`d=$(mktemp -d /tmp/pureclean.XXXXXXXXXX) || exit 125; trap "rm -rf $d" EXIT; trap "exit 125" HUP INT TERM; ` +
	`head -c %[2]d >$d/pureclean && [ $(wc -c <$d/pureclean) -eq %[2]d ] && chmod 700 $d/pureclean || exit 125; ` +
	`%[3]s$d/pureclean %[4]s`

// machines are what uname -sm prints for what Go calls this program's kind.
var machines = map[string]string{"linux/amd64": "Linux x86_64", "linux/arm64": "Linux aarch64"}

func (f *Fleet) pushes(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pushed[name]
}

// push notes that a member needs this program, if that was asked for.
func (f *Fleet) push(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.o.Push || f.pushed[name] {
		return false
	}
	f.pushed[name] = true
	return true
}

// parcel is this program, and the command that runs it there.
func (f *Fleet) parcel(member Member, words []string) (fs.File, []string, error) {
	kind, ok := machines[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok {
		return nil, nil, fmt.Errorf("it was built for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	program, err := f.o.Program()
	if err != nil {
		return nil, nil, err
	}
	info, err := program.Stat()
	if err != nil {
		_ = program.Close()
		return nil, nil, err
	}
	before := ""
	if with := member.Command[:len(member.Command)-1]; len(with) > 0 {
		before = strings.Join(with, " ") + " "
	}
	script := fmt.Sprintf(pushScript, kind, info.Size(), before, strings.Join(words, " "))
	return program, []string{"sh", "-c", "'" + script + "'"}, nil
}
