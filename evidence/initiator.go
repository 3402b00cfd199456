package evidence

import "strings"

// Initiator normalises an IQN, NQN or WWN so that the spellings of hosts and
// arrays compare equal: lower case, and a WWN without "0x" and colons.
func Initiator(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if strings.HasPrefix(s, "iqn.") || strings.HasPrefix(s, "eui.") || strings.HasPrefix(s, "nqn.") {
		return s
	}
	return strings.ReplaceAll(strings.TrimPrefix(s, "0x"), ":", "")
}
