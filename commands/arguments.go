package commands

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/words"
)

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
		return nil, emptyName(objectWord(flag))
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

// emptyName refuses a name that is none: nothing is what a script's empty
// variable leaves, and must not mean "ask me".
func emptyName(word string) error {
	return withHint(usagef("the name of the %s is empty", word), emptyHint)
}

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
