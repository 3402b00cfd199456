package report

import (
	"regexp"
	"strings"
)

// piece is a part of a sentence: text as it is, or words that are never broken
// in themselves. A command that broke at a hyphen can't be copied from paper.
type piece struct {
	Text string
	// Words are set of what is one name or one command.
	Words   []string
	Command bool
}

// programs are the commands that sentences name, each with as much of it as
// tells it from a sentence about the program.
var programs = regexp.MustCompile(`(?:^|[\s(])(pureclean (?:scan|explain|verify|devices|doctor|fix|runs|undo|eradicate|check|demo|config)\b|pure(?:vol|host|pod) [a-z]|lxc (?:storage|delete|image|config) |lxd recover|rmdir |udevadm [a-z]|multipathd (?:disablequeueing|reconfigure|show) |multipath -|dmsetup [a-z]|iscsiadm -|nvme [a-z-]+ /|systemctl [a-z]|snap [a-z]+ lxd|echo \S+ >)`)

// inText is what a word after "pureclean COMMAND" has when it is a name or a
// flag, and the sentence does not go on.
var inText = regexp.MustCompile(`^-|[-:/_=.'"0-9A-Z]`)

// prose finds names and commands in a sentence.
func prose(s string) []piece {
	var all []piece
	for s != "" {
		at := programs.FindStringSubmatchIndex(s)
		if at == nil {
			return append(all, names(s)...)
		}
		begin := at[2]
		length := commandLength(s[begin:])
		all = append(all, names(s[:begin])...)
		all = append(all, piece{Words: strings.Split(s[begin:begin+length], " "), Command: true})
		s = s[begin+length:]
	}
	return all
}

// commandLength is how much of a text that begins with a command is of it: up
// to the end of a phrase, outside of quotes.
func commandLength(s string) int {
	words, quote, end := strings.Split(s, " "), rune(0), 0
	ours := words[0] == "pureclean"
	for i, word := range words {
		begun := quote != 0
		for _, r := range word {
			switch {
			case quote == 0 && (r == '\'' || r == '"'):
				quote = r
			case r == quote:
				quote = 0
			}
		}
		last := len(strings.TrimRight(word, ",;.)"))
		switch {
		case begun || i == 0:
		case strings.HasPrefix(word, "("), i > 1 && ours && !inText.MatchString(word):
			return end - 1
		}
		if quote == 0 && last < len(word) {
			return end + last
		}
		end += len(word) + 1
	}
	return end - 1
}

// names finds the array's names in a text: POD::VOLUME.
func names(s string) []piece {
	var all []piece
	text := ""
	for i, word := range strings.Split(s, " ") {
		if i > 0 {
			text += " "
		}
		if !strings.Contains(word, "::") {
			text += word
			continue
		}
		if text != "" {
			all = append(all, piece{Text: text})
		}
		all, text = append(all, piece{Words: []string{word}}), ""
	}
	if text != "" {
		all = append(all, piece{Text: text})
	}
	return all
}

// whole is a command as one piece.
func whole(command string) []piece {
	return []piece{{Words: strings.Split(command, " "), Command: true}}
}
