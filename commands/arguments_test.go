package commands

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/simulator/array"
)

// TestFlagsBesideTheObject: wherever the object stands, all flags count.
func TestFlagsBesideTheObject(t *testing.T) {
	app := App(Streams{})
	for line, want := range map[string]string{
		"fix V --dry-run":                 "fix --dry-run --volume=V",
		"fix --dry-run V":                 "fix --dry-run --volume=V",
		"fix --pool p V -y":               "fix --pool p -y --volume=V",
		"fix --pool=p V --output json":    "fix --pool=p --output json --volume=V",
		"fix -yq V":                       "fix -y -q --volume=V",
		"fix V --json":                    "fix --output=json --volume=V",
		"fix -- -V":                       "fix --volume=-V",
		"fix --volume V --dry-run":        "fix --volume V --dry-run",
		"explain - --json":                "explain --output=json --object=-",
		"verify --watch V":                "verify --watch --volume=V",
		"undo 1a6f --yes":                 "undo --yes --run=1a6f",
		"scan stray --pool p":             "scan stray --pool p", // refused by tame
		"fix --frob V --dry-run":          "fix --frob V --dry-run",
		"completion bash":                 "completion bash",
		"demo --json":                     "demo --json",
		"fix --volume V --confirm=--yes ": "fix --volume V --confirm=--yes",
	} {
		typed := readTyped(app, strings.Fields(line))
		got, err := typed.inOrder(app, "pureclean")
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if line == "fix --frob V --dry-run" {
			got = append(got[:2:2], "--frob", "V", "--dry-run") // the unknown flag is told, whatever follows
		}
		if diff := cmp.Diff(strings.Fields("pureclean "+want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

// TestNoFlagIsLost: of a line with a dry run in it, wherever and beside
// whatever, nothing is ever repaired.
func TestNoFlagIsLost(t *testing.T) {
	b := newBench(t, aged(t, "device-never-iscsi"))
	volume := b.leaked("leaked-volume")
	kept := func(v array.Volume, ok bool) bool { return ok && !v.Destroyed }
	for _, words := range [][]string{{volume, "--yes"}, {"--yes", volume}, {"--yes", "--volume", volume}} {
		for _, extra := range []string{"", "--", "-y", "--confirm", "stray", "--volume", "--json", "--min-age"} {
			for at := range len(words) + 1 {
				line := slices.Insert(slices.Clone(words), at, extra)
				line = slices.DeleteFunc(append(append([]string{"fix"}, line...), "--dry-run"), func(word string) bool { return word == "" })
				status, out, errs := b.run("", line...)
				if strings.Contains(out, "Repaired") || !kept(b.world.Array.Volume(volume)) {
					t.Fatalf("%q repaired it: status %d\n%s%s", line, status, out, errs)
				}
			}
		}
	}
}

// eachFlag calls do for every flag of every command, with the command's words.
func eachFlag(do func(path []string, flag cli.Flag)) {
	var each func(path []string, commands []*cli.Command)
	each = func(path []string, commands []*cli.Command) {
		for _, c := range commands {
			path := append(slices.Clone(path), c.Name)
			each(path, c.Subcommands)
			for _, flag := range c.Flags {
				do(path, flag)
			}
		}
	}
	each(nil, App(Streams{}).Commands)
}

// TestGivenTwice: a flag that counts once is refused when it is given twice, by
// one of its names or by two, with the same value or with another, for every
// command; and one that may be repeated is not.
func TestGivenTwice(t *testing.T) {
	b := newBench(t, aged(t, "device-never-iscsi"))
	eachFlag(func(path []string, flag cli.Flag) {
		names := flag.Names()
		for i := range names {
			for j := range names {
				line := append(slices.Clone(path), dashed(names[i]), dashed(names[j]))
				if takesValue(flag) {
					line = append(slices.Clone(path), dashed(names[i]), "1", dashed(names[j])+"=2")
				}
				typed := readTyped(App(Streams{}), line)
				_, err := typed.inOrder(App(Streams{}), "pureclean")
				if _, several := flag.(*cli.StringSliceFlag); several {
					if err != nil {
						t.Errorf("%q may be repeated: %v", line, err)
					}
					continue
				}
				if err == nil {
					t.Errorf("%q is taken", line)
					continue
				}
				status, out, errs := b.run("", line...)
				want := StatusUsage
				if strings.Join(path, " ") == "check" {
					want = 3
				}
				if status != want || !strings.Contains(out+errs, "given twice") && !strings.Contains(out+errs, "the same flag") {
					t.Errorf("%q: status %d\n%s%s", line, status, out, errs)
				}
			}
		}
	})
	volume := b.leaked("leaked-volume")
	for line, want := range map[string]string{
		"fix --volume X --volume " + volume + " --yes":     "--volume was given twice, with X and with " + volume,
		"verify --volume " + volume + " --volume=X":        "--volume was given twice, with " + volume + " and with X",
		"verify --object " + volume + " --volume X":        "--object and --volume are the same flag",
		"scan --json -o csv":                               "--json is --output json, and -o csv was given, too",
		"scan -o csv --json":                               "--json is --output json, and -o csv was given, too",
		"scan --json --json":                               "--json was given twice",
		"fix " + volume + " --finding a --finding b --yes": "--finding was given twice, with a and with b",
		"fix -yy " + volume:                                "-y was given twice",
	} {
		status, out, errs := b.run("", strings.Fields(line)...)
		if v, ok := b.world.Array.Volume(volume); status != StatusUsage || !strings.Contains(strings.Join(strings.Fields(errs), " "), want) || !ok || v.Destroyed {
			t.Errorf("%s: status %d\n%s%s", line, status, out, errs)
		}
	}
}

// TestUndoByName: a run is named by its id, by its volume, or as the last.
func TestUndoByName(t *testing.T) {
	b := newBench(t, aged(t, "device-never-iscsi"))
	volume := b.leaked("leaked-volume")
	repair := func() string {
		t.Helper()
		status, out, errs := b.run("", "fix", volume, "-yq")
		if status != StatusOK {
			t.Fatalf("status %d\n%s%s", status, out, errs)
		}
		_, line, _ := strings.Cut(out, "pureclean undo ")
		fields := strings.Fields(line)
		return fields[len(fields)-1]
	}
	if status, _, errs := b.run("", "undo", "--last", "-y"); status != StatusRefused || !strings.Contains(errs, "nothing was repaired") {
		t.Errorf("with nothing repaired: status %d\n%s", status, errs)
	}
	for _, args := range [][]string{{"--last"}, {volume}, {"--volume", volume}, {"--object", strings.ToUpper(volume)}, {"ID"}} {
		run := repair()
		for i := range args {
			args[i] = strings.Replace(args[i], "ID", run, 1)
		}
		status, out, errs := b.run("", append([]string{"undo", "-y"}, args...)...)
		if status != StatusOK || !strings.Contains(out, "Taken back: run "+run) {
			t.Errorf("%v of run %s: status %d\n%s%s", args, run, status, out, errs)
		}
		// The same again takes nothing else back.
		if status, out, errs := b.run("", append([]string{"undo", "-y"}, args...)...); status != StatusRefused || !strings.Contains(errs, "undone already") {
			t.Errorf("%v once more: status %d\n%s%s", args, status, out, errs)
		}
	}
	if status, _, errs := b.run("", "undo", "-y", "nobody"); status != StatusUsage || !strings.Contains(errs, "pureclean runs lists them") {
		t.Errorf("status %d\n%s", status, errs)
	}
}

// TestEmptyValues: what an empty variable of a script leaves is refused for
// every flag of every command, before anything is read or done.
func TestEmptyValues(t *testing.T) {
	b := newBench(t, aged(t, "device-never-iscsi"))
	eachFlag(func(path []string, flag cli.Flag) {
		for _, name := range flag.Names() {
			status, out, errs := b.run("", append(slices.Clone(path), dashed(name)+"=")...)
			want := StatusUsage
			if strings.Join(path, " ") == "check" {
				want = 3 // as the convention of monitoring plugins wants it
			}
			if status != want || !strings.Contains(out+errs, "is empty") && !strings.Contains(out+errs, `"" can't be read`) {
				t.Errorf("%v %s=: status %d\n%s%s", path, dashed(name), status, out, errs)
			}
		}
	})
}
