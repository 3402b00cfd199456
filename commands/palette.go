package commands

import "github.com/fatih/color"

// colors are the values of --color, the default first.
var colors = []string{"auto", "always", "never"}

// palette colours what a person should see first. Without colour every
// function returns its text.
type palette struct {
	critical, warning, good, dim, bold func(string) string
}

// plain paints nothing.
func plain(text string) string { return text }

// colourise decides for one stream: fatih/color decides once, for stdout.
func colourise(s Streams, when string, terminal bool) palette {
	on := terminal && s.Getenv("NO_COLOR") == "" && s.Getenv("TERM") != "dumb"
	switch when {
	case "always":
		on = true
	case "never":
		on = false
	}
	paint := func(attributes ...color.Attribute) func(string) string {
		if !on {
			return plain
		}
		c := color.New(attributes...)
		c.EnableColor()
		return func(text string) string { return c.Sprint(text) }
	}
	return palette{
		critical: paint(color.FgRed, color.Bold),
		warning:  paint(color.FgYellow),
		good:     paint(color.FgGreen),
		dim:      paint(color.Faint),
		bold:     paint(color.Bold),
	}
}
