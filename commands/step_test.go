package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A step is done as root for a user whom sudo allows nothing else: no flag and
// no variable leads it to a file, a directory or a host that the user chose.
func TestStepGoesByThisMachine(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "shadow")
	if err := os.WriteFile(secret, []byte("root:$6$secret:19000:0:99999:7:::\ndaemon:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	chosen := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(chosen, []byte("state_dir: "+dir+"/made\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := regexp.MustCompile(`does not go with --step|unknown flag --pool\b`)
	step := []string{"devices", "--remove", "0123456789ABCDEF01234567", "--step", "detached"}
	for _, more := range []string{
		"--config=" + secret, "--config=" + chosen, "--sysroot=" + dir, "--sysroot=/", "--output=json", "--verbose",
		"--pool=p", "--color=never", "--timeout=1s",
	} {
		for _, where := range [][]string{append(step[:1:1], append([]string{more}, step[1:]...)...), append(step[:len(step):len(step)], more)} {
			var out, errs strings.Builder
			s := Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: os.Getenv}
			status := Main(t.Context(), append([]string{"pureclean"}, where...), s)
			if status != StatusUsage || out.Len() > 0 || !refused.MatchString(errs.String()) || strings.Contains(errs.String(), "$6$") {
				t.Errorf("%v: status %d\n%s%s", where, status, out.String(), errs.String())
			}
		}
	}
	if _, err := os.Stat(dir + "/made"); err == nil {
		t.Error("a directory was made where a configuration said that was chosen by the user")
	}
	// What is wrong with the machine's own configuration is not for the user.
	if _, err := stepConfig(secret); err == nil || strings.Contains(err.Error(), "root") || strings.Contains(err.Error(), "$6$") {
		t.Errorf("it says: %v", err)
	}
	o := devicesOptions{common: common{Streams: Streams{Getenv: func(string) string { return dir }}}}
	if from, err := o.stepSources(); err != nil || from.host.Recorded || len(from.host.LXDDirs) > 0 || from.fleet != nil {
		t.Errorf("it reads %v, and goes to %v: %v", from.host.LXDDirs, from.fleet, err)
	}
}
