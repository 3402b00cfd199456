package commands

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/words"
)

// typed is a command line, or what there is of it, as the tables of commands
// and flags understand it. Reading it runs nothing.
type typed struct {
	// path are the commands, the outermost first; flags are the last one's
	// and next the commands that can follow it.
	path  []*cli.Command
	flags []cli.Flag
	next  []*cli.Command
	// given are the values of the flags that were given, by the flag's first
	// name, and spelled are those flags as they were typed.
	given, spelled map[string][]string
	// flag is the one whose value is expected next, or nil, and typedFlag how it
	// was typed.
	flag      cli.Flag
	typedFlag string
	// words are all but the bare ones, which are the words without a flag of a
	// command that takes one; see objectOf. Flags stand in front of objects there.
	words, bare []string
	// swallowed is a flag that was given the name of another one for its value;
	// unknown is set after a flag that there is not.
	swallowed [2]string
	unknown   bool
	// stray is set after "--" and after a word that is neither a command nor
	// a flag: nothing sensible can follow.
	stray bool
}

// helpNames ask for help wherever a flag can stand.
var helpNames = []string{"help", "h"}

// readTyped reads words, the program's name not among them.
func readTyped(app *cli.App, words []string) typed {
	t := typed{next: app.Commands, flags: app.Flags, given: map[string][]string{}, spelled: map[string][]string{}}
	for _, word := range words {
		t.read(word)
	}
	return t
}

func (t *typed) read(word string) {
	t.words = append(t.words, word)
	switch {
	case t.flag != nil:
		t.give(t.flag, t.typedFlag, word)
		if other := flagOf(word); findFlag(t.flags, other) != nil || slices.Contains(helpNames, other) {
			t.swallowed = [2]string{dashed(t.flag.Names()[0]), word}
		}
		t.flag = nil
	case t.stray && t.takesObject():
		t.object(word)
	case t.stray:
	case word == "--":
		t.stray = true
		if t.takesObject() {
			t.words = t.words[:len(t.words)-1]
		}
	case len(word) > 1 && word[0] == '-':
		t.readFlag(word)
	default:
		i := slices.IndexFunc(t.next, func(c *cli.Command) bool { return c.HasName(word) })
		switch {
		case i >= 0:
			command := t.next[i]
			t.path, t.flags, t.next = append(t.path, command), command.Flags, command.Subcommands
		case t.takesObject():
			t.object(word)
		default:
			t.stray = true
		}
	}
}

func (t *typed) readFlag(word string) {
	name, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
	flag := findFlag(t.flags, name)
	switch {
	case slices.Contains(helpNames, name):
		t.given[helpNames[0]] = []string{""}
	case flag == nil && name == jsonHabit && !joined && t.printsJSON():
		t.words[len(t.words)-1] = "--" + outputNames[0] + "=" + string(formatJSON)
		t.give(findFlag(t.flags, outputNames[0]), word, string(formatJSON))
	case flag == nil && t.switches(word):
		t.words = t.words[:len(t.words)-1]
		for _, letter := range word[1:] {
			t.read("-" + string(letter))
		}
	case flag == nil:
		t.unknown = true
	case joined || !takesValue(flag):
		t.give(flag, dashed(name), value)
	default:
		t.flag, t.typedFlag = flag, dashed(name)
	}
}

// switches reports several letters behind one dash, each of them a switch: -qy.
func (t *typed) switches(word string) bool {
	if len(word) < 3 || word[1] == '-' {
		return false
	}
	for _, letter := range word[1:] {
		if flag := findFlag(t.flags, string(letter)); flag == nil || takesValue(flag) {
			return false
		}
	}
	return true
}

// jsonHabit is what people type for -o json.
const jsonHabit = "json"

func (t *typed) printsJSON() bool {
	flag := findFlag(t.flags, outputNames[0])
	return flag != nil && slices.Contains(choicesOf(flag), string(formatJSON))
}

// object takes a word out of the others.
func (t *typed) object(word string) {
	t.words, t.bare = t.words[:len(t.words)-1], append(t.bare, word)
}

// flagOf is the name of the flag that a word looks like; empty for other words.
func flagOf(word string) string {
	if len(word) < 2 || word[0] != '-' {
		return ""
	}
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	return name
}

func (t *typed) give(flag cli.Flag, as, value string) {
	name := flag.Names()[0]
	t.given[name] = append(t.given[name], value)
	t.spelled[name] = append(t.spelled[name], as)
}

// repeated refuses a flag that was given more often than it counts: package
// flag would take the last, and a person who names two volumes means both.
func (t *typed) repeated() error {
	for _, flag := range t.flags {
		name := flag.Names()[0]
		as, values := t.spelled[name], t.given[name]
		if _, several := flag.(*cli.StringSliceFlag); several || len(as) < 2 {
			continue
		}
		a, b := as[0], as[1]
		switch json := "--" + jsonHabit; {
		case a == b && (!takesValue(flag) || a == json):
			return usagef("%s was given twice", a)
		case a == json || b == json:
			other := 0
			if a == json {
				other = 1
			}
			return usagef("%s is --%s %s, and %s %s was given, too", json, name, formatJSON, as[other], typedAgain(values[other]))
		case a == b:
			return usagef("%s was given twice, with %s and with %s, and counts once", a, typedAgain(values[0]), typedAgain(values[1]))
		default:
			return usagef("%s and %s are the same flag; give one of them", a, b)
		}
	}
	return nil
}

// name is the commands' names: "config show".
func (t *typed) name() string {
	names := words.Of(t.path, func(command *cli.Command) string { return command.Name })
	return strings.Join(names, " ")
}

func findFlag(flags []cli.Flag, name string) cli.Flag {
	for _, flag := range flags {
		if slices.Contains(flag.Names(), name) {
			return flag
		}
	}
	return nil
}

func takesValue(flag cli.Flag) bool {
	if g, ok := flag.(*cli.GenericFlag); ok {
		if b, ok := g.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			return false // only behind a "="
		}
	}
	f, ok := flag.(cli.DocGenerationFlag)
	return ok && f.TakesValue()
}

// usageOf is what the table says of a flag: the word for its value, empty for
// a switch, and its sentence.
func usageOf(flag cli.Flag) (value, usage string) {
	f, ok := flag.(cli.DocGenerationFlag)
	if !ok {
		return "", ""
	}
	usage = f.GetUsage()
	if before, after, found := strings.Cut(usage, "`"); found {
		word, rest, _ := strings.Cut(after, "`")
		return word, before + word + rest
	}
	if f.TakesValue() {
		value = "VALUE"
	}
	return value, usage
}

// urfave/cli, as package flag, stops at the first word that is no flag, and
// drops what follows: of "fix VOLUME --dry-run" the half that matters. So the
// line is put in order before it is parsed, and what is not clear is refused.

// objectOf are the commands that take one word without a flag, and the flag
// that it stands for.
var objectOf = map[string]string{"explain": "object", "fix": "volume", "verify": "volume", "undo": "run"}

// takesObject reports a command that takes one word without a flag.
func (t *typed) takesObject() bool { return t.objectFlag() != nil }

// objectFlag is the flag that a word without one stands for; nil for none.
func (t *typed) objectFlag() cli.Flag { return findFlag(t.flags, objectOf[t.name()]) }

// inOrder is the line with all flags in front and the object as the value of
// its flag.
func (t *typed) inOrder(app *cli.App, program string) ([]string, error) {
	if t.swallowed[0] != "" {
		return nil, withHint(usagef("%s needs a value, and %s is a flag", t.swallowed[0], t.swallowed[1]),
			"if it is meant: "+t.swallowed[0]+"="+typedAgain(t.swallowed[1]))
	}
	line := append([]string{program}, t.words...)
	if t.unknown {
		return line, nil // what is wrong with a flag is said first
	}
	if err := t.repeated(); err != nil || len(t.bare) == 0 {
		return line, err
	}
	name, flag := objectOf[t.name()], t.objectFlag()
	object := t.bare[0]
	late := slices.IndexFunc(t.bare, func(word string) bool { return findFlag(t.flags, flagOf(word)) != nil })
	right := strings.Join(append([]string{app.Name, t.name(), quoteShell(object)}, quoted(t.words[len(t.path):])...), " ")
	switch {
	case object == "":
		// Nothing is what a script's empty variable leaves, and must not mean "ask me".
		return nil, withHint(usagef("the name of the %s is empty", objectWord(flag)), emptyHint)
	case late > 0:
		return nil, withHint(usagef("after -- %s is no flag", t.bare[late]), right+" "+strings.Join(quoted(t.bare[1:]), " "))
	case len(t.bare) > 1:
		return nil, withHint(usagef("%s %s takes one %s, not %s", app.Name, t.name(), objectWord(flag), strings.Join(quoted(t.bare), " and ")),
			"one after the other: "+right)
	case len(t.given[name]) > 0:
		return nil, withHint(usagef("%s was given, and %s with %s", quoteShell(object), quoteShell(t.given[name][0]), dashed(name)),
			"give one of them: "+app.Name+" "+t.name()+" "+quoteShell(object))
	}
	return append(line, "--"+name+"="+object), nil
}

// objectWord is what the value of a flag is called, in words.
func objectWord(flag cli.Flag) string {
	value, _ := usageOf(flag)
	return strings.ToLower(value)
}

func quoted(all []string) []string { return words.Of(all, typedAgain) }

// typedAgain is a word of the line as a person would type it once more: a flag
// is one there, and needs no quotes for its dashes.
func typedAgain(word string) string {
	rest := strings.TrimLeft(word, "-")
	if rest == "" || rest == word {
		return quoteShell(word)
	}
	return word[:len(word)-len(rest)] + quoteShell(rest)
}

// emptyHint is what mostly is behind a value of no letters.
const emptyHint = "an empty variable of a script?"

// wrongValue refuses, before a command begins, a value that no parser refused.
// Nothing for a value is nowhere the same as the flag left out: a command that
// reads "was it given" from its value would repair what --save is to leave alone.
func wrongValue(c *cli.Context, flags []cli.Flag) error {
	for _, flag := range flags {
		name := flag.Names()[0]
		if !c.IsSet(name) {
			continue
		}
		empty := false
		switch f := flag.(type) {
		case *choiceFlag:
			if value := c.String(name); value != "" && !slices.Contains(f.choices, value) {
				return f.refuse(value)
			}
			empty = c.String(name) == ""
		case *cli.StringFlag, *cli.GenericFlag:
			empty = c.String(name) == ""
		case *cli.StringSliceFlag:
			empty = slices.Contains(c.StringSlice(name), "")
		case *cli.DurationFlag:
			if c.Duration(name) <= 0 {
				return usagef("%s must be more than zero", dashed(name))
			}
		}
		if empty {
			return withHint(usagef("%s is empty", dashed(name)), emptyHint)
		}
	}
	return nil
}
