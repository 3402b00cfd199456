package commands

import (
	"regexp"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/docs/findings"
)

// pageOf is the page of a finding, where a finding's code was typed and no
// object.
func pageOf(code string) (string, bool) {
	if _, known := diagnose.KindOf(code); !known {
		return "", false
	}
	return findings.Page(code)
}

// printPage prints it for a terminal. Nobody is asked for it.
func (o *common) printPage(markdown string) error {
	if o.output != formatTable && o.output != formatWide {
		return usagef("a finding's page is text: leave out --output")
	}
	return o.text(func(out *page) {
		for _, line := range pageLines(markdown, out.width, out.palette) {
			out.line(line)
		}
	})
}

var (
	// pageLink is a link: to another finding's page, or elsewhere.
	pageLink = regexp.MustCompile(`\[([^\]]+)\]\(([^)]*)\)`)
	// pageItem begins an item of a list.
	pageItem = regexp.MustCompile(`^(\s*(?:[-*]|\d+\.) )(.*)$`)
)

// pageLines are a page of Markdown for a terminal: prose is wrapped, commands
// and outputs stand indented as they are, and tables as they are written.
func pageLines(page string, width int, p palette) []string {
	var lines, prose []string
	mark := ""
	flush := func() {
		if len(prose) == 0 {
			return
		}
		lines = append(lines, hung(mark, strings.Repeat(" ", len(mark)), plainText(strings.Join(prose, " ")), width)...)
		prose, mark = nil, ""
	}
	code := false
	for line := range strings.SplitSeq(strings.TrimSpace(page), "\n") {
		item := pageItem.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "```"):
			flush()
			code = !code
		case code:
			lines = append(lines, "    "+line)
		case strings.HasPrefix(line, "<!--"):
			flush()
		case strings.HasPrefix(line, "#"):
			flush()
			lines = append(lines, p.bold(plainText(strings.TrimLeft(line, "# "))))
		case strings.HasPrefix(line, "|"):
			flush()
			lines = append(lines, plainText(line))
		case line == "":
			flush()
			if len(lines) > 0 && lines[len(lines)-1] != "" {
				lines = append(lines, "")
			}
		case item != nil:
			flush()
			mark, prose = item[1], []string{item[2]}
		default:
			prose = append(prose, strings.TrimSpace(line))
		}
	}
	flush()
	return lines
}

// plainText leaves out what Markdown marks text with. A link to another
// finding's page is a command that shows it.
func plainText(text string) string {
	text = pageLink.ReplaceAllStringFunc(text, func(link string) string {
		parts := pageLink.FindStringSubmatch(link)
		words, to := parts[1], parts[2]
		if code, isPage := strings.CutSuffix(to, ".md"); isPage {
			if _, known := pageOf(code); known {
				return words + " (pureclean explain " + code + ")"
			}
		}
		return words
	})
	return strings.NewReplacer("**", "", "`", "").Replace(text)
}
