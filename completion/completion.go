// Package completion is what a shell needs to offer something at TAB: a
// script for each shell, the names that the last look at the world has seen,
// and the way bash wants to be answered.
//
// A TAB asks nobody. The names lie in a small file below the cache directory,
// which every look writes anew; no array, no LXD and no device is asked, and
// nothing that stands on the half-typed line is ever evaluated.
package completion

import _ "embed" // the scripts are files, so that they can be read, checked and packaged as such

var (
	//go:embed pureclean.bash
	bash string
	//go:embed _pureclean
	zsh string
	//go:embed pureclean.fish
	fish string
)

// Script is what one shell loads.
type Script struct {
	Shell string
	// Text is the script.
	Text string
	// Try is the command that loads it for now, Keep the one that does so for
	// good.
	Try, Keep string
}

// Scripts are all there are.
func Scripts() []Script {
	return []Script{
		{"bash", bash, "source <(pureclean completion bash)", "pureclean completion bash > /etc/bash_completion.d/pureclean"},
		{"zsh", zsh, "source <(pureclean completion zsh)", `pureclean completion zsh > "${fpath[1]}/_pureclean"`},
		{"fish", fish, "pureclean completion fish | source", "pureclean completion fish > ~/.config/fish/completions/pureclean.fish"},
	}
}

// How an answer begins: what the lines after it are.
const (
	// Words are what to offer, one a line, with a tab and a note behind it.
	Words = "words"
	// Files and Directories leave it to the shell, which knows them best. The
	// second line is the path so far without quotes, the third what stands
	// in front of it in the same word.
	Files       = "files"
	Directories = "directories"
)
