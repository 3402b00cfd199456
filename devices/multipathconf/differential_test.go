package multipathconf_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/pureclean/pureclean/devices/multipathconf"
)

// judgeKeys are the settings whose effective value is compared.
var judgeKeys = slices.DeleteFunc(slices.Clone(multipathconf.Keys), func(key string) bool {
	return key == "purge_disconnected" // of 0.14
})

// differences are what the real program does otherwise than we say, each with
// its reason. None are known of 0.9.4.
var differences = []struct {
	name   string
	reason string
}{}

// judge is the real multipath, over a directory of settings of its own: it is
// run where /etc is another, so that this machine's are left alone.
type judge struct {
	etc     string
	version string
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	need := func(format string, args ...any) {
		if os.Getenv("PURECLEAN_JUDGES") != "" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format+"; PURECLEAN_JUDGES=1 makes this a failure", args...)
	}
	if _, err := exec.LookPath("multipath"); err != nil {
		need("multipath-tools is not installed")
	}
	if _, err := exec.LookPath("unshare"); err != nil {
		need("there is no unshare")
	}
	j := &judge{etc: t.TempDir()}
	if err := exec.Command("unshare", "-r", "-m", "true").Run(); err != nil {
		need("there can be no mount namespace here: %v", err)
	}
	out, _ := exec.Command("multipath", "-h").CombinedOutput()
	j.version, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
	return j
}

// batch has a shell answer many cases at once: each is a directory with the
// files of one, "multipath.conf" and "multipath/conf.d/*".
const batch = `set -u
cd "$1"
for dir in *$2/; do
	[ -d "$dir" ] || continue
	mount --bind "$dir" /etc || exit 9
	multipath -v0 -t >"$dir/printed" 2>"$dir/errors"
	echo $? >"$dir/status"
	umount /etc
done`

type files map[string]string

// ask returns what multipath prints of each case, "" for one that it refuses.
func (j *judge) ask(t *testing.T, cases []files) []string {
	t.Helper()
	for i, c := range cases {
		dir := filepath.Join(j.etc, fmt.Sprintf("%06d", i))
		for name, text := range c {
			file := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// Starting a program is mostly waiting, so several shells share the cases,
	// by their last digits.
	var shells errgroup.Group
	for _, digits := range []string{"[01]", "[23]", "[45]", "[67]", "[89]"} {
		shells.Go(func() error {
			out, err := exec.Command("unshare", "-r", "-m", "sh", "-c", batch, "sh", j.etc, digits).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w\n%s", err, out)
			}
			return nil
		})
	}
	if err := shells.Wait(); err != nil {
		t.Fatalf("the judge did not run: %v", err)
	}
	answers := make([]string, len(cases))
	for i := range cases {
		dir := filepath.Join(j.etc, fmt.Sprintf("%06d", i))
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(string(status)) != "0" {
			continue
		}
		printed, err := os.ReadFile(filepath.Join(dir, "printed"))
		if err != nil || len(printed) == 0 {
			t.Fatalf("case %d: nothing printed (%v)", i, err)
		}
		answers[i] = string(printed)
	}
	return answers
}

// printed is what "multipath -t" prints: sections, each with its lines. It is
// read here by other means than the parser's.
type printed struct {
	name  string
	lines [][2]string
	sub   []*printed
}

func (p *printed) get(key string) (string, bool) {
	for _, l := range p.lines {
		if l[0] == key {
			return l[1], true
		}
	}
	return "", false
}

func readPrinted(text string) *printed {
	top := &printed{}
	stack := []*printed{top}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		depth := len(line) - len(strings.TrimLeft(line, "\t"))
		line = line[depth:]
		// The judge forgets a brace of a device of the blacklist that has no
		// vendor, or no product. Its indentation is right.
		stack = stack[:min(len(stack), depth+1)]
		here := stack[len(stack)-1]
		switch name, isSection := strings.CutSuffix(line, " {"); {
		case isSection && !strings.Contains(name, `"`):
			sub := &printed{name: name}
			here.sub = append(here.sub, sub)
			stack = append(stack, sub)
		case line == "}":
		default:
			key, value, _ := strings.Cut(line, " ")
			if strings.HasPrefix(value, `"`) {
				value = strings.ReplaceAll(value[1:len(value)-1], `""`, `"`)
			}
			here.lines = append(here.lines, [2]string{key, value})
		}
	}
	return top
}

// matcher asks the C library, through bash, which patterns match what.
type matcher map[[2]string]string

func (m matcher) ask(t *testing.T) {
	t.Helper()
	var in bytes.Buffer
	var order [][2]string
	for pair := range m {
		order = append(order, pair)
		fmt.Fprintf(&in, "%s %s\n", escaped(pair[0]), escaped(pair[1]))
	}
	cmd := exec.Command("bash", "-c", `while read -r p t; do printf -v p "$p"; printf -v t "$t"; [[ $t =~ $p ]]; echo $?; done`)
	cmd.Env, cmd.Stdin = []string{"LC_ALL=C"}, &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("bash: %v", err)
	}
	answers := strings.Fields(string(out))
	if len(answers) != len(order) {
		t.Fatalf("bash answered %d of %d", len(answers), len(order))
	}
	for i, pair := range order {
		m[pair] = map[string]string{"0": "yes", "1": "no", "2": "bad"}[answers[i]]
	}
}

// escaped is for printf: nothing but hexadecimal.
func escaped(text string) string {
	if text == "" {
		return `%s`
	}
	out := ""
	for _, b := range []byte(text) {
		out += `\x` + hex.EncodeToString([]byte{b})
	}
	return out
}

var (
	flash    = multipathconf.FlashArray("scsi:iscsi")
	subjects = map[string]string{"vendor": flash.Vendor, "product": flash.Product, "revision": flash.Revision}
)

// collect notes the patterns of the device sections.
func (p *printed) collect(m matcher) {
	for _, section := range p.sub {
		if section.name != "devices" {
			continue
		}
		for _, device := range section.sub {
			for key, text := range subjects {
				if pattern, ok := device.get(key); ok {
					m[[2]string{pattern, text}] = ""
				}
			}
		}
	}
}

// effective is what the printed settings come to for a FlashArray device.
func (p *printed) effective(m matcher, key string) string {
	var defaults, overrides *printed
	var devices, protocols []*printed
	for _, section := range p.sub {
		switch section.name {
		case "defaults":
			defaults = section
		case "overrides":
			overrides = section
			for _, protocol := range section.sub {
				if kind, _ := protocol.get("type"); kind == flash.Protocol {
					protocols = append(protocols, protocol)
				}
			}
		case "devices":
			for _, device := range slices.Backward(section.sub) {
				hit := true
				for key, text := range subjects {
					if pattern, ok := device.get(key); ok {
						hit = hit && m[[2]string{pattern, text}] == "yes"
					}
				}
				if hit {
					devices = append(devices, device)
				}
			}
		}
	}
	find := func(key string) string {
		levels := append(slices.Concat(protocols, []*printed{overrides}, devices), defaults)
		for _, level := range levels {
			if value, ok := level.get(key); ok {
				return value
			}
		}
		return ""
	}
	value := find(key)
	if key == "no_path_retry" && value == "" && strings.Contains(find("features"), "queue_if_no_path") {
		return "queue"
	}
	return value
}

// TestAgainstMultipath holds the parser against the real multipath: the
// effective value of every setting, and whether it takes the files at all.
func TestAgainstMultipath(t *testing.T) {
	j := newJudge(t)
	var cases []files
	var names []string
	for name, c := range written(t) {
		cases, names = append(cases, c), append(names, name)
	}
	generated := uint64(200)
	if os.Getenv("PURECLEAN_JUDGES") != "" {
		generated = 2500
	}
	for seed := range generated {
		cases, names = append(cases, generate(seed)), append(names, fmt.Sprintf("seed %d", seed))
	}
	answers := j.ask(t, cases)
	read := make([]*printed, len(cases))
	m := matcher{}
	for i, answer := range answers {
		if answer != "" {
			read[i] = readPrinted(answer)
			read[i].collect(m)
		}
	}
	m.ask(t)
	agreed, refused, wrong := 0, 0, 0
	for i, c := range cases {
		conf := c.read()
		var all []string
		switch {
		case read[i] == nil && len(conf.Refused) == 0:
			all = append(all, "multipath refuses it, we do not")
		case read[i] != nil && len(conf.Refused) > 0:
			all = append(all, fmt.Sprintf("we say that it is refused: %+v", conf.Refused))
		case read[i] == nil:
			refused++
		default:
			for _, key := range judgeKeys {
				if got, want := conf.Effective(flash, key).Value, read[i].effective(m, key); got != want {
					all = append(all, fmt.Sprintf("%s: %q, multipath has %q", key, got, want))
				}
			}
			// What a running multipathd prints is read to the same end.
			if i%20 != 0 {
				break
			}
			daemon := multipathconf.ReadDaemon(answers[i])
			for _, key := range judgeKeys {
				if got, want := daemon.Effective(flash, key).Value, read[i].effective(m, key); got != want {
					all = append(all, fmt.Sprintf("as the daemon's, %s: %q, multipath has %q", key, got, want))
				}
			}
		}
		if len(all) == 0 {
			agreed++
			continue
		}
		if wrong++; wrong <= 10 {
			t.Errorf("%s\n%s", names[i], strings.Join(all, "\n"))
			for name, text := range c {
				t.Logf("%s:\n%q\n%s", name, text, text)
			}
		}
	}
	t.Logf("%s: %d of %d configurations agreed, %d of them refused by both; %d known differences", j.version, agreed, len(cases), refused, len(differences))
	if agreed != len(cases) {
		t.Errorf("%d of %d disagreed", wrong, len(cases))
	}
}

func (c files) read() *multipathconf.Config {
	var main *multipathconf.File
	var more []multipathconf.File
	for _, name := range slices.Sorted(mapsKeys(c)) {
		file := multipathconf.File{Name: "/etc/" + name, Text: c[name]}
		switch {
		case name == "multipath.conf":
			main = &file
		case strings.HasSuffix(name, ".conf") && strings.Count(name, "/") == 2 && name != elsewhere:
			more = append(more, file)
		}
	}
	return multipathconf.Read(main, more...)
}

func mapsKeys(c files) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range c {
			if !yield(name) {
				return
			}
		}
	}
}

// written are the files of testdata.
func written(t *testing.T) map[string]files {
	t.Helper()
	all := map[string]files{"no file": {}}
	names, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(names) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = files{"multipath.conf": string(text)}
	}
	return all
}

// generator writes files as people get them wrong.
type generator struct {
	*rand.Rand
	out strings.Builder
}

func (g *generator) one(of ...string) string { return of[g.IntN(len(of))] }

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func generate(seed uint64) files {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 13))}
	c := files{}
	file := func() string {
		g.out.Reset()
		if g.chance(3) {
			g.out.WriteString("\ufeff")
		}
		for range 1 + g.IntN(5) {
			g.section()
		}
		text := g.out.String()
		if g.chance(4) {
			text = strings.ReplaceAll(text, "\n", "\r\n")
		}
		if g.chance(2) && len(text) > 0 {
			at := g.IntN(len(text))
			text = text[:at] + g.one("\x00", "\r", "\u00a0", "\"", "{", "}", "#", strings.Repeat("x", 1100), strings.Repeat(" ", 1020)) + text[at:]
		}
		return text
	}
	if !g.chance(5) {
		c["multipath.conf"] = file()
	}
	often := 12
	if seed%5 == 4 { // a directory full of them
		often = 45
	}
	for _, name := range dropIns {
		if g.chance(often) {
			c[name] = file()
		}
	}
	return c
}

// dropIns are the files beside the first one: the order of their names is that
// of bytes, a hidden one and a name that is nothing but the ending count, and
// no other ending does. What config_dir names or a line wants to include is
// never read by 0.9.4.
var dropIns = []string{
	"multipath/conf.d/10-a.conf", "multipath/conf.d/9-late.conf", "multipath/conf.d/B.conf", "multipath/conf.d/a.conf", "multipath/conf.d/\u00e9.conf",
	"multipath/conf.d/.conf", "multipath/conf.d/.hidden.conf", "multipath/conf.d/b.conf.bak", "multipath/conf.d/c.CONF", "multipath/conf.d/d.conf~",
	"multipath/conf.d/dir.conf/x.conf", elsewhere,
}

const elsewhere = "multipath/other/x.conf"

func (g *generator) gap() string {
	if g.chance(94) {
		return " "
	}
	return g.one("\t", "  ", "\u00a0", " \t ", "", "\v", "\u2003")
}

func (g *generator) line(words ...string) {
	g.out.WriteString(g.one("", "\t", "    ", "\u00a0 "))
	for i, word := range words {
		if i > 0 {
			g.out.WriteString(g.gap())
		}
		g.out.WriteString(word)
	}
	if g.chance(4) {
		g.out.WriteString(g.one(" # no_path_retry queue", "!x", " }", " {", " queue", ",", ";", " \"", "#}"))
	}
	g.out.WriteString(g.one("\n", "\n", "\n", "\n", "\n", "\n", "\n", "\n\n", "\r\n"))
	if g.chance(2) {
		g.out.WriteString(g.one("}\n", "{\n", "# }\n", "! {\n", "\"\n", "no_path_retry\n", "\"no_path_retry\" queue\n", "fast_io_fail_tmo 7 # x\n"))
	}
}

func (g *generator) enter(name string) bool {
	switch {
	case g.chance(93):
		g.line(name, "{")
	case g.chance(30):
		g.line(name)
		g.line("{")
	case g.chance(30):
		g.line(name, "{", g.one("no_path_retry queue", "}", "fast_io_fail_tmo 33 }", "device { vendor x }"))
	case g.chance(30):
		g.line(name + "{")
	case g.chance(40):
		g.line(name)
	default:
		g.line(name, g.one("foo", `"x"`, "=", ": {"))
	}
	return true
}

func (g *generator) leave() {
	if g.chance(96) {
		g.line("}")
	} else if g.chance(50) {
		g.line("}", g.one("}", "x", "# x", "overrides {"))
	}
}

func (g *generator) section() {
	switch g.IntN(12) {
	case 0, 1:
		g.enter(g.one("defaults", "defaults", "defaults", "defaults", "default", "Defaults", "defaults:"))
		g.settings()
		g.leave()
	case 2, 3:
		g.enter(g.one("overrides", "overrides", "overrides", "override"))
		g.settings()
		for range g.IntN(3) {
			g.enter("protocol")
			if g.chance(90) {
				g.line("type", g.quoted(g.one("scsi:iscsi", "scsi:iscsi", "scsi:fcp", "scsi:sas", "iscsi", "nvme:tcp")))
			}
			g.settings()
			g.leave()
		}
		g.leave()
	case 4, 5, 6, 7:
		g.enter(g.one("devices", "devices", "devices", "devices", "device"))
		for range 1 + g.IntN(3) {
			g.enter(g.one("device", "device", "device", "device", "devices"))
			if g.chance(95) {
				g.line("vendor", g.quoted(g.one("PURE", "PURE", "PURE", "PURE    ", "P.RE", "PUR*", ".*", "*", "pure", "^PURE$", "3PARdata", "!PURE", "(PURE|NVME)", "", "PU(RE")))
			}
			if g.chance(95) {
				g.line("product", g.quoted(g.one("FlashArray", "FlashArray", "FlashArray", "FlashArray      ", "Flash", ".*", "*", "Flash[A-Z]rray$", "flasharray", "FlashBlade", "Flash.{5}", "")))
			}
			if g.chance(5) {
				g.line("revision", g.quoted(g.one("8888", "8[0-9]+", "9999", "*", "")))
			}
			if g.chance(3) {
				g.line("product_blacklist", g.quoted(g.one("LUNZ", "*", "Flash")))
			}
			g.settings()
			g.leave()
		}
		g.leave()
	case 8, 9:
		g.enter(g.one("blacklist", "blacklist", "blacklist_exceptions", "blacklist_exception", "Blacklist"))
		for range 1 + g.IntN(4) {
			if g.chance(25) {
				g.enter("device")
				if g.chance(90) {
					g.line("vendor", g.quoted(g.pattern()))
				}
				if g.chance(80) {
					g.line("product", g.quoted(g.pattern()))
				}
				g.leave()
				continue
			}
			g.line(g.one("devnode", "wwid", "wwid", "property", "protocol", "wwids"), g.quoted(g.pattern()))
		}
		g.leave()
	case 10:
		g.enter("multipaths")
		for range 1 + g.IntN(2) {
			g.enter("multipath")
			if g.chance(90) {
				g.line("wwid", g.quoted("3624a93707a9ad0a2ce6b4c5a00011010"))
			}
			g.settings()
			if g.chance(5) {
				g.line("reservation_key", g.one("0x123", "file", "xyz", "0x", "123:aptpl"))
			}
			g.leave()
		}
		g.leave()
	default:
		if g.chance(40) {
			g.line(g.one("include", "include", "config_dir", "!include"), g.quoted(g.one("/etc/"+elsewhere, "/etc/multipath/other", "conf.d/*.conf", "/etc/multipath/conf.d/9-late.conf")))
			return
		}
		g.enter(g.one("device", "multipath", "protocol", "include", "settings"))
		g.settings()
		g.leave()
	}
}

// pattern is mostly one that the C library takes.
func (g *generator) pattern() string {
	if g.chance(92) {
		return g.one("^sd[a-z]", "^(ram|raw|loop)[0-9]*", ".*", "3624a9370.*", "!^sd", `\!x`, "^hd[a-z]", "PURE", "scsi:iscsi", "ID_BUS", "a|b", "", "[^a-z]")
	}
	return g.one("*", "^(sd[a-z", "+x", "a{", "[z-a]", "(", "a{2,1}", `x\`, "^*", "[[:foo:]]", `\1`, "a**", ")", "}", "[", "a{,3}", "!*", "|", "()", "?")
}

func (g *generator) quoted(text string) string {
	switch n := g.IntN(100); {
	case n < 80:
		return `"` + text + `"`
	case n < 90:
		return text
	case n < 92:
		return "'" + text + "'"
	case n < 94:
		return "\u201c" + text + "\u201d"
	case n < 96:
		return `"` + text
	case n < 97:
		return `""` + text + `""`
	case n < 98:
		return `"` + text + `""x"`
	default:
		return g.one("=", ":", ",") + text
	}
}

func (g *generator) settings() {
	number := func() string {
		return g.one("0", "1", "5", "12", "30", "60", "300", "-1", "-5", "+3", " 7 ", "08", "0x10", "1.5", "10s", "99999999999", "99999999999999999999999", "infinity", "off", "", "1,2", "4294967295", "4294967296")
	}
	yesno := func() string { return g.one("yes", "no", "yes", "no", "1", "0", "on", "off", "true", "Yes", "") }
	for range g.IntN(4) {
		switch g.IntN(14) {
		case 0, 1, 2:
			g.line(g.one("no_path_retry", "no_path_retry", "no_path_retry", "no_path_rety", "No_path_retry"), g.maybe(g.one("queue", "fail", "queue", "Queue", number(), "queued", "12")))
		case 3, 4:
			g.line("features", g.maybe(g.one("0", "1 queue_if_no_path", "1 queue_if_no_path", "2 queue_if_no_path retain_attached_hw_handler", "2 pg_init_retries 50",
				"3 queue_if_no_path pg_init_retries 50", "3 pg_init_retries 50 queue_if_no_path", "1", "queue_if_no_path", "1 xqueue_if_no_path", "0 queue_if_no_path", "", "1  queue_if_no_path ", "x")))
		case 5:
			g.line("fast_io_fail_tmo", g.maybe(number()))
		case 6:
			g.line("dev_loss_tmo", g.maybe(number()))
		case 7:
			g.line("find_multipaths", g.maybe(g.one("yes", "no", "on", "off", "strict", "greedy", "smart", "1", "0", "Yes", "")))
		case 8:
			g.line(g.one("polling_interval", "max_polling_interval", "polling_interval", "find_multipaths_timeout"), g.maybe(number()))
		case 9:
			g.line(g.one("queue_without_daemon", "skip_kpartx", "user_friendly_names", "flush_on_last_del"), g.maybe(yesno()))
		case 10, 11:
			g.line("recheck_wwid", g.maybe(yesno()))
		case 12:
			if g.chance(30) {
				g.line(g.one("config_dir", "config_dir", "include"), g.quoted("/etc/multipath/other"))
				continue
			}
			g.line(g.one("path_grouping_policy group_by_prio", "failback immediate", `path_selector "service-time 0"`, "nosuch 5", "hardware_handler \"1 alua\"", "overrides {", "devices {", "defaults {"))
		default:
			g.line(g.one("recheck_wwid", "skip_kpartx"), g.one("yes", "no"))
		}
	}
}

// maybe puts a value into quotation marks, or not.
func (g *generator) maybe(value string) string {
	if strings.Contains(value, " ") && g.chance(80) {
		return `"` + value + `"`
	}
	if g.chance(75) {
		return value
	}
	return g.quoted(value)
}

// TestPatternsAgainstLibc holds the reading of patterns against the C
// library's, which bash asks: the same that multipath does.
func TestPatternsAgainstLibc(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	const letters = `aAbPURE09_-^$.*+?|()[]{},\`
	parts := []string{"[a-c]", "[^a]", "[[:alpha:]]", "[[:digit:]-]", "[]a]", "[a-]", "{2}", "{1,2}", "{,2}", "{0}", ".*", "(a|b)", `\.`, `\w`, `\s`, `\b`, "PURE", "^", "$", "[.-/]", "[[.a.]b]", "[[=a=]]", "[a-c-e]", "[b-a]"}
	g := &generator{Rand: rand.New(rand.NewPCG(7, 7))}
	m := matcher{}
	for range 6000 {
		pattern := ""
		for range 1 + g.IntN(6) {
			if g.chance(40) {
				pattern += g.one(parts...)
			} else {
				pattern += string(letters[g.IntN(len(letters))])
			}
		}
		m[[2]string{pattern, g.one("PURE", "FlashArray", "abc", "a", "", "aab09", "a-b_c", "[a]", "a{2}", "naa.624a")}] = ""
	}
	m.ask(t)
	agreed, beyond := 0, 0
	for pair, want := range m {
		switch got := multipathconf.Try(pair[0], pair[1]); got {
		case want:
			agreed++
		case "unknown":
			beyond++
		default:
			t.Errorf("%q on %q: %s, the C library says %s", pair[0], pair[1], got, want)
		}
	}
	t.Logf("%d of %d patterns agreed, %d are beyond us and called unknown", agreed, len(m), beyond)
	if beyond > len(m)/20 {
		t.Errorf("%d of %d patterns are called unknown", beyond, len(m))
	}
}
