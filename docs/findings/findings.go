// Package findings holds the page of each finding, for who stands at a host
// and has nothing else to read.
package findings

import "embed"

//go:embed *.md
var pages embed.FS

// Page is the page of a finding's code, as Markdown.
func Page(code string) (string, bool) {
	text, err := pages.ReadFile(code + ".md")
	return string(text), err == nil && code != "README"
}
