// Package multipathconf reads multipath.conf as libmultipath does: text in,
// the settings of a device out. It follows what multipath-tools 0.9.4 does
// with a file, not what the file was meant to say, and tells where the two
// differ. Its test holds it against the real program.
package multipathconf

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// File is a file of settings.
type File struct{ Name, Text string }

// Line is one setting that a file states, and where.
type Line struct {
	// Key is the keyword, Value how multipath understands its value: "fail"
	// where 0 is written. Meant is false for a value that is none.
	Key, Value string
	Meant      bool
	// Section is where multipath reads it: "overrides",
	// "devices/device PURE FlashArray".
	Section string
	File    string
	Number  int

	// order is where it stands among all lines of all files.
	order int
}

// Fault is a line that multipath reads otherwise than it was meant, or not.
type Fault struct {
	File string
	Line int
	What string
}

// entry is what is said in one place: the settings that a device gets from it.
type entry struct {
	// kind is the kind of section, with all above it.
	kind   string
	values map[string]*Line
	// file and line are where it begins.
	file    string
	line    int
	builtIn bool
	// someVersions is set on one that not all versions have.
	someVersions bool
}

func (e *entry) text(key string) (string, bool) {
	if line := e.values[key]; line != nil {
		return line.Value, true
	}
	return "", false
}

// name is how people know the section: its kind, and what it is for.
func (e *entry) name() string {
	name := e.kind
	for _, key := range []string{"type", "wwid", "vendor", "product", "revision"} {
		if text, ok := e.text(key); ok && text != "" {
			name += " " + text
		}
	}
	return name
}

// pattern is a line of the blacklist, or of its exceptions.
type pattern struct {
	*Pattern
	*Line
}

// listedDevice is a section device of the blacklist.
type listedDevice struct{ vendor, product *pattern }

// list is the blacklist, or its exceptions.
type list struct {
	patterns map[string][]pattern
	devices  []*listedDevice
}

// Config is what multipath makes of its files.
type Config struct {
	// Lines are all settings among Keys, in the order in which they stand,
	// whether they count or not.
	Lines []*Line
	// Faults are what is not read as it was meant. Refused are those for which
	// multipath takes nothing at all: there is then no map, but those that a
	// running multipathd knew before.
	Faults, Refused []Fault

	defaults, overrides *entry
	protocols           []*entry
	devices             []*entry
	maps                []*entry
	blacklist, except   list
	// places tells a line where it stands, once all of the section was read.
	places map[*Line]*entry
	stated int
	// matched are the sections for a device, so that they are looked for once.
	matched map[Device][2][]*entry
}

// Read reads the main file, if there is one, and the files of conf.d in their
// order.
func Read(main *File, more ...File) *Config {
	c := empty()
	c.devices = builtIns()
	c.except.patterns["property"] = []pattern{builtInException()}
	if main != nil {
		failed := c.read(*main)
		c.Refused = append(c.Refused, failed...)
	}
	for _, file := range more {
		// What fails in one of these is lost, and the rest counts.
		c.Faults = append(c.Faults, c.read(file)...)
	}
	c.Refused = append(c.Refused, c.productLists()...)
	c.finish()
	return c
}

// ReadDaemon reads what multipathd answers to "show config": what is built in
// is written out there.
func ReadDaemon(text string) *Config {
	c := empty()
	c.read(File{Name: "multipathd", Text: braced(text)})
	c.finish()
	c.Faults = nil
	return c
}

// braced writes the braces anew by how far the lines are indented: multipathd
// forgets one where a device of the blacklist has no vendor, or no product.
func braced(text string) string {
	var out strings.Builder
	depth := 0
	for line := range strings.Lines(text) {
		said := strings.TrimLeft(line, "\t")
		here := len(line) - len(said)
		if strings.TrimSpace(said) == "}" {
			continue
		}
		for ; depth > here; depth-- {
			out.WriteString("}\n")
		}
		for ; depth < here; depth++ {
			out.WriteString("device {\n")
		}
		out.WriteString(said)
		if strings.HasSuffix(strings.TrimSpace(said), " {") && !strings.Contains(said, `"`) {
			depth++
		}
	}
	return out.String() + strings.Repeat("}\n", depth)
}

func empty() *Config {
	return &Config{
		defaults: &entry{kind: "defaults", values: map[string]*Line{}}, overrides: &entry{kind: "overrides", values: map[string]*Line{}},
		blacklist: list{patterns: map[string][]pattern{}}, except: list{patterns: map[string][]pattern{}}, places: map[*Line]*entry{},
		matched: map[Device][2][]*entry{},
	}
}

// builtIns are multipath's own entries for the array. The first is in all versions
// since 0.8.4; those before have no fast_io_fail_tmo in it. The other, over NVMe,
// 0.9.4 has and older versions have not.
func builtIns() []*entry {
	return []*entry{
		builtIn(map[string]string{"vendor": "PURE", "product": "FlashArray", "fast_io_fail_tmo": "10"}, false),
		builtIn(map[string]string{"vendor": "NVME", "product": "Pure Storage FlashArray", "no_path_retry": "10"}, true),
	}
}

func builtIn(values map[string]string, someVersions bool) *entry {
	e := &entry{kind: "devices/device", values: map[string]*Line{}, builtIn: true, someVersions: someVersions}
	for key, value := range values {
		e.values[key] = &Line{Key: key, Value: value, Meant: true}
	}
	return e
}

// builtInException takes disks that say who they are out of a blacklist of
// properties, if no earlier property is in it.
func builtInException() pattern {
	line := &Line{Key: "property", Value: "(SCSI_IDENT_|ID_WWN)", Meant: true}
	p, _ := compileListed(line.Value)
	return pattern{p, line}
}

// reader reads one file.
type reader struct {
	*Config
	file File
	open []opened
	// failed are the lines for which multipath refuses the main file.
	failed []Fault
	lists  map[string]*list
}

// opened is a section that is open.
type opened struct {
	name  string
	kind  *section
	line  int
	entry *entry
	item  *listedDevice
	// waits is set until the brace of a section comes that did not stand on
	// its line.
	waits bool
}

func (c *Config) read(file File) []Fault {
	r := &reader{Config: c, file: file, lists: map[string]*list{"blacklist": &c.blacklist, "blacklist_exceptions": &c.except}}
	began := len(c.devices)
	for _, line := range lines(file.Text) {
		if all := tokens(line.text); len(all) > 0 {
			r.line(line.number, all)
		}
	}
	for _, o := range r.open {
		r.fault(o.line, "the section %s is not closed", o.name)
	}
	c.devices = r.mergeDevices(c.devices, began)
	c.protocols = r.typed(c.protocols)
	return r.failed
}

func (r *reader) fault(line int, what string, args ...any) {
	f := Fault{r.file.Name, line, fmt.Sprintf(what, shown(args)...)}
	if n := len(r.Faults); n == 0 || r.Faults[n-1] != f {
		r.Faults = append(r.Faults, f)
	}
}

func (r *reader) fail(line int, what string, args ...any) {
	r.failed = append(r.failed, Fault{r.file.Name, line, fmt.Sprintf(what, shown(args)...)})
}

// shown makes words of a file fit to be printed.
func shown(args []any) []any {
	for i, arg := range args {
		word, ok := arg.(string)
		if !ok {
			continue
		}
		if runes := []rune(strings.ToValidUTF8(word, "?")); len(runes) > 60 {
			word = string(runes[:60]) + "..."
		}
		args[i] = strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return '?'
		}, strings.ToValidUTF8(word, "?"))
	}
	return args
}

// here is the innermost open section.
func (r *reader) here() *opened {
	if len(r.open) == 0 {
		return &opened{kind: &root}
	}
	return &r.open[len(r.open)-1]
}

func (r *reader) path() string {
	names := make([]string, len(r.open))
	for i, o := range r.open {
		names[i] = o.name
	}
	return strings.Join(names, "/")
}

func (r *reader) line(number int, all []token) {
	first := all[0]
	switch {
	case first.is("}"):
		if len(all) > 1 {
			r.fault(number, "what follows the brace, from %q on, is not read", all[1].String())
		}
		if len(r.open) == 0 {
			r.fault(number, "a brace closes what none opened")
			return
		}
		r.open = r.open[:len(r.open)-1]
		return
	case first.is("{"):
		if o := r.here(); !o.waits {
			r.fault(number, "a brace opens nothing")
		} else if o.waits = false; len(all) > 1 {
			r.fault(number, "what follows the brace, from %q on, is not read: a line says one thing", all[1].String())
		}
		return
	}
	sub := r.here().kind.sub[first.text]
	if first.quote {
		sub = nil
	}
	s, missing := stating(all)
	if missing && !bare[first.text] {
		if _, isSection := root.sub[s.key]; isSection || s.key == "protocol" {
			r.fault(number, "%s is no section without a brace on its line: it is not entered", s.key)
		} else {
			r.fault(number, "%s has no value, so the line is not read", s.key)
		}
		return
	}
	if sub != nil {
		r.begin(number, sub, s)
		return
	}
	read, known := r.here().kind.keys[first.text]
	if !known || first.quote {
		r.misplaced(number, s)
		return
	}
	r.state(number, s, read)
}

// begin enters a section. What else stands on its line is not read.
func (r *reader) begin(number int, kind *section, s statement) {
	switch {
	case s.value != "" && s.value != "{":
		r.fault(number, "%q stands where the brace of %s is expected", s.value, s.key)
	case s.extra != "":
		r.fault(number, "what follows the brace, from %q on, is not read: a line says one thing", s.extra)
	}
	o := opened{name: s.key, kind: kind, line: number, waits: s.value == ""}
	switch place := r.path(); {
	case place == "" && s.key == "defaults":
		o.entry = r.defaults
	case place == "" && s.key == "overrides":
		o.entry = r.overrides
	case s.key == "device" && r.lists[place] != nil:
		o.item = &listedDevice{}
		r.lists[place].devices = append(r.lists[place].devices, o.item)
	case place != "":
		o.entry = &entry{kind: place + "/" + s.key, values: map[string]*Line{}, file: r.file.Name, line: number}
		switch s.key {
		case "device":
			r.devices = append(r.devices, o.entry)
		case "protocol":
			r.protocols = append(r.protocols, o.entry)
		case "multipath":
			r.maps = append(r.maps, o.entry)
		}
	}
	r.open = append(r.open, o)
}

// misplaced is a keyword that multipath does not know where it stands.
func (r *reader) misplaced(number int, s statement) {
	place := r.path()
	_, isSection := root.sub[s.key]
	switch {
	case isSection && place != "":
		r.fault(number, "%s of line %d is still open here, so %s is not read as a section", place, r.here().line, s.key)
	case s.value == "{" && place == "":
		r.fault(number, "%s is no section: nothing in it is read", s.key)
	case s.value == "{":
		r.fault(number, "%s is no section of %s: it is not entered, and its brace closes %s", s.key, place, place)
	case place == "":
		// Of a word that is a keyword somewhere.
		if _, known := root.sub["defaults"].keys[s.key]; known {
			r.fault(number, "%s stands outside of any section, and is not read", s.key)
		}
	default:
		r.fault(number, "%s is no keyword of the section %s", s.key, place)
	}
	if _, ok := defaultValues[s.key]; ok || s.key == "no_path_retry" || s.key == "dev_loss_tmo" {
		r.Lines = append(r.Lines, &Line{Key: s.key, Value: s.value, Section: place, File: r.file.Name, Number: number})
	}
}

// state takes what a line says into the section that is open.
func (r *reader) state(number int, s statement, read reading) {
	switch {
	case s.open:
		r.fault(number, "the quotation mark of %s is not closed", s.key)
	case s.extra != "" && strings.HasPrefix(s.extra, "}"):
		r.fault(number, "the brace after %s does not close the section: it has to stand on a line of its own", s.key)
	case s.extra != "":
		r.fault(number, "%s takes one word, so %q is not read: put the value into quotation marks", s.key, s.extra)
	}
	o := r.here()
	r.stated++
	line := &Line{Key: s.key, Value: s.value, Section: r.path(), File: r.file.Name, Number: number, order: r.stated}
	if o.entry == nil {
		r.list(o, line)
		return
	}
	value, ok := read(s.value)
	if ok {
		line.Value, line.Meant = value, true
		if value == "" && (s.key == "dev_loss_tmo" || s.key == "find_multipaths_timeout") {
			delete(o.entry.values, s.key)
			line.Value, line.Meant = s.value, false
		} else {
			o.entry.values[s.key] = line
		}
	} else {
		r.fault(number, "%q is no value of %s, so the line does not count", s.value, s.key)
		if s.key == "polling_interval" && o.entry.values[s.key] == nil {
			// The real program then has a number that stands for none.
			o.entry.values[s.key] = line.derived(s.key, strconv.FormatUint(math.MaxUint32-1, 10))
		}
	}
	if s.key == "reservation_key" && !reserves(s.value) {
		r.fail(number, "reservation_key %q is no key", s.value)
	}
	if slices.Contains(Keys, s.key) {
		r.Lines = append(r.Lines, line)
		r.places[line] = o.entry
	}
}

// reserves reports a reservation key: "file", or a hexadecimal number.
func reserves(value string) bool {
	if value == "file" {
		return true
	}
	value, _, _ = strings.Cut(value, ":")
	value = strings.TrimPrefix(value, "0")
	if value != "" && (value[0] == 'x' || value[0] == 'X') {
		value = value[1:]
	}
	return value != "" && len(value) <= 16 && strings.Trim(value, "0123456789abcdefABCDEF") == ""
}

// list takes a pattern into the blacklist or its exceptions.
func (r *reader) list(o *opened, line *Line) {
	line.Meant = true
	into := r.lists[r.open[0].name]
	p, err := compileListed(line.Value)
	if err != nil {
		r.fail(line.Number, "%s %q is %s", line.Key, line.Value, err)
		return
	}
	switch entry := (pattern{p, line}); {
	case o.item == nil:
		into.patterns[line.Key] = append(into.patterns[line.Key], entry)
	case line.Key == "vendor":
		o.item.vendor = &entry
	default:
		o.item.product = &entry
	}
}
