package commands

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/completion"
	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
)

// completeCommand is what the shells' scripts run at TAB:
//
//	pureclean __complete bash BREAKS WORD... CURSOR-WORD
//	pureclean __complete zsh|fish WORD... CURSOR-WORD
//
// It stands before urfave/cli, so that no action can be reached from here
// whatever was typed, and it reads three things at most: the names that the
// last look left (package completion), the configuration and the journal.
const completeCommand = "__complete"

// complete prints what fits where the cursor is. There is nobody at TAB who
// could be told what is wrong, so nothing ever is.
func complete(app *cli.App, s Streams, args []string) {
	if len(args) < 2 {
		return
	}
	shell, words := args[0], args[1:]
	word := completion.BashWord{Text: words[len(words)-1], Plain: true}
	switch shell {
	case "bash":
		breaks := words[0]
		if words = words[1:]; len(words) == 0 {
			return
		}
		word = completion.ParseBash(words[len(words)-1], breaks)
		for i := range words {
			words[i] = completion.ParseBash(words[i], "").Text
		}
	case "fish":
		// The word under the cursor is as it was typed. fish puts its quotes
		// around what it is given; they are the same as bash's.
		word = completion.ParseBash(word.Text, "")
	}
	if !word.Plain {
		return
	}
	kind, all := (&completer{dir: s.CacheDir, world: s.given, typed: readTyped(app, words[:len(words)-1])}).at(word.Text)
	out := bufio.NewWriter(s.Out)
	defer func() { _ = out.Flush() }()
	fmt.Fprintln(out, kind)
	if kind != completion.Words {
		before, path := "", word.Text
		if flag, value, joined := strings.Cut(path, "="); joined && strings.HasPrefix(flag, "--") {
			before, path = flag+"=", value
		}
		fmt.Fprintf(out, "%s\n%s\n", path, before)
		return
	}
	for _, o := range all {
		switch {
		case !strings.HasPrefix(o.value, word.Text):
		case shell == "bash":
			if text, ok := word.Insert(o.value); ok {
				fmt.Fprintln(out, text)
			}
		case o.note == "":
			fmt.Fprintln(out, o.value)
		default:
			fmt.Fprintf(out, "%s\t%s\n", o.value, o.note)
		}
	}
}

// offer is one word that fits, and what it is.
type offer struct{ value, note string }

// completer knows the line up to the word under the cursor.
type completer struct {
	typed
	dir   string // of the names
	names []completion.Name
	world *sources // of a demo; nil is this machine's
}

// at says what can stand where word is being typed: words, files, ...
func (c *completer) at(word string) (kind string, all []offer) {
	name, value, joined := strings.Cut(word, "=")
	switch {
	case c.flag != nil:
		return c.values(c.flag, "", word)
	case c.stray && !c.wantsObject():
		return completion.Words, nil
	case joined && strings.HasPrefix(name, "--"):
		if flag := findFlag(c.flags, strings.TrimPrefix(name, "--")); flag != nil && takesValue(flag) {
			return c.values(flag, name+"=", value)
		}
		return completion.Words, nil
	}
	if !strings.HasPrefix(word, "-") {
		for _, command := range c.next {
			all = append(all, offer{command.Name, command.Usage})
		}
	}
	if !strings.HasPrefix(word, "-") && c.wantsObject() {
		if kind, all = c.values(c.objectFlag(), "", word); kind != completion.Words {
			return kind, nil
		}
	}
	if !c.stray && (strings.HasPrefix(word, "-") || len(all) == 0) {
		all = append(all, c.flagOffers()...)
	}
	return completion.Words, all
}

// wantsObject reports a line on which a word without a flag may still stand.
func (c *completer) wantsObject() bool {
	flag := c.objectFlag()
	return flag != nil && len(c.bare) == 0 && len(c.given[flag.Names()[0]]) == 0
}

// flagOffers are the flags that can still be given.
func (c *completer) flagOffers() []offer {
	var all []offer
	for _, flag := range c.flags {
		name := flag.Names()[0]
		_, several := flag.(*cli.StringSliceFlag)
		if len(c.given[name]) > 0 && !several {
			continue
		}
		_, usage := usageOf(flag)
		all = append(all, offer{"--" + name, usage})
	}
	return append(all, offer{"--" + helpNames[0], "say how it is used"})
}

// values are those of one flag; before is what stands in front of the value
// in the same word.
func (c *completer) values(flag cli.Flag, before, word string) (kind string, all []offer) {
	kind = completion.Words
	own, ok := c.special(flag)
	switch placeholder, _ := usageOf(flag); {
	case ok:
		all = own(c)
	case choicesOf(flag) != nil:
		all = each(choicesOf(flag), func(choice string) offer { return offer{value: choice} })
	case strings.HasSuffix(placeholder, "DIR"):
		return completion.Directories, nil
	case strings.HasSuffix(placeholder, "FILE"):
		return completion.Files, nil
	}
	// A path can be an object too; no name of the array's begins like one.
	if placeholder, _ := usageOf(flag); placeholder == "OBJECT" && strings.HasPrefix(word, "/") {
		return completion.Files, nil
	}
	if before != "" {
		for i := range all {
			all[i].value = before + all[i].value
		}
	}
	return kind, all
}

// special finds what is offered for a flag: of this command, of any, or for
// what it calls its value.
func (c *completer) special(flag cli.Flag) (func(*completer) []offer, bool) {
	value, _ := usageOf(flag)
	for _, key := range []string{c.name() + " --" + flag.Names()[0], "--" + flag.Names()[0], value} {
		if values, ok := offers[key]; ok {
			return values, true
		}
	}
	return nil, false
}

// offers says which names fit a flag. Flags that take files, directories and
// one of a few words need no line here: their own entry says so.
var offers = map[string]func(*completer) []offer{
	"--pool":   (*completer).pools,
	"--member": (*completer).members,
	"--scenario": func(*completer) []offer {
		return each(simulator.Scenarios(), func(s simulator.Scenario) offer { return offer{s.Name, s.Story} })
	},
	"--host-down": (*completer).members,
	"--volume":    (*completer).objects,
	"--object":    (*completer).objects,
	"CODE":        func(*completer) []offer { return codes(func(diagnose.Kind) bool { return true }) },
	"fix --finding": func(*completer) []offer {
		return codes(func(k diagnose.Kind) bool { return k.Class != diagnose.ClassReport })
	},
	"--run":              func(c *completer) []offer { return c.runs(journal.Finished, journal.Interrupted) },
	"runs --resume":      func(c *completer) []offer { return c.runs(journal.Interrupted) },
	"eradicate --volume": (*completer).destroyed,
	// To be typed by hand: that is what it is for.
	"eradicate --confirm": func(*completer) []offer { return nil },
}

// seen are the names of some kinds that the last look left, in its order.
func (c *completer) seen(kinds ...completion.Kind) []offer {
	if c.names == nil {
		c.names = completion.Load(c.dir)
	}
	pools := c.given["pool"]
	var all []offer
	for _, kind := range kinds {
		for _, n := range c.names {
			if n.Kind == kind && (kind == completion.Pool || n.Pool == "" || len(pools) == 0 || slices.Contains(pools, n.Pool)) {
				all = append(all, offer{n.Name, n.Note})
			}
		}
	}
	return all
}

func (c *completer) objects() []offer { return c.seen(completion.Finding, completion.Record) }

func (c *completer) members() []offer { return c.seen(completion.Member) }

// pools are those that a look has seen and those that the configuration
// names, but for the ones that were given already.
func (c *completer) pools() []offer {
	all := c.seen(completion.Pool)
	if settings, ok := c.settings(); ok {
		for name := range settings.Pools {
			if !slices.ContainsFunc(all, func(o offer) bool { return o.value == name }) {
				all = append(all, offer{value: name})
			}
		}
	}
	slices.SortFunc(all, func(a, b offer) int { return strings.Compare(a.value, b.value) })
	return slices.DeleteFunc(all, func(o offer) bool { return slices.Contains(c.given["pool"], o.value) })
}

func codes(fits func(diagnose.Kind) bool) []offer {
	var all []offer
	for _, k := range diagnose.Kinds {
		if fits(k) {
			all = append(all, offer{k.Code, k.Meaning})
		}
	}
	return all
}

// settings are those of the file that the line names, or of the usual one.
func (c *completer) settings() (config.Config, bool) {
	if c.world != nil {
		return c.world.config, true
	}
	path := ""
	if given := c.given["config"]; len(given) > 0 {
		path = given[len(given)-1]
	}
	settings, err := config.Load(path)
	return settings, err == nil
}

func (c *completer) journal() []journal.Summary {
	if settings, ok := c.settings(); ok {
		if all, err := journal.Read(settings.StateDir).List(); err == nil {
			return all
		}
	}
	return nil
}

func (c *completer) runs(states ...journal.State) []offer {
	var all []offer
	for _, s := range c.journal() {
		if slices.Contains(states, s.State) {
			all = append(all, offer{s.ID, clean(fmt.Sprintf("%s of %s, %s", s.Kind, s.Object.Name, s.State))})
		}
	}
	return all
}

// destroyed are the volumes of which a run says that it destroyed them; only
// these can be eradicated.
func (c *completer) destroyed() []offer {
	var all []offer
	for _, s := range c.journal() {
		if s.Kind == journal.KindFix && s.State == journal.Finished && !s.Until.IsZero() && !slices.ContainsFunc(all, func(o offer) bool { return o.value == s.Object.Name }) {
			all = append(all, offer{s.Object.Name, "run " + s.ID})
		}
	}
	return slices.DeleteFunc(all, func(o offer) bool { return clean(o.value) != o.value })
}
