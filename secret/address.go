package secret

import (
	"regexp"
	"strings"
)

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// Address is a URL as it may be shown: without all that stands before an "@",
// also before one that is percent-encoded, and without a query and a fragment,
// because each may be a password. It does not need to be a URL that can be
// understood. One that has none of them stays as it is.
func Address(url string) string {
	front := scheme.FindString(url)
	rest := url[len(front):]
	for _, at := range []string{"@", "%40"} {
		if i := strings.LastIndex(rest, at); i >= 0 {
			rest = rest[i+len(at):]
		}
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	return front + rest
}
