package pure

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/secret"
)

// accessError is a setting with which no array can be asked. Its advice is
// what Hint gives.
type accessError struct {
	what string
	todo string
	err  error
}

func (e *accessError) Error() string {
	if e.err != nil {
		return e.what + ": " + e.err.Error()
	}
	return e.what
}

func (e *accessError) Unwrap() error  { return e.err }
func (e *accessError) advice() string { return e.todo }

const gatewayExample = `the array's URL is "https://" and its management address, as in https://fa01.example.net`

// CheckGateway says what is wrong with an array's URL, and repeats nothing of it
// that may be a password.
func CheckGateway(raw string, insecure bool) error {
	_, err := parseGateway(raw, insecure)
	return err
}

// portless reports a port that no connection can be made to.
func portless(u *url.URL) bool {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return u.Port() != "" && (err != nil || n == 0)
}

// parseGateway checks an array's URL as LXD checks pure.gateway (it must
// hold "://" and no path element "api"), and refuses what LXD would only
// notice later.
func parseGateway(raw string, insecure bool) (*url.URL, error) {
	bad := func(why, todo string) error {
		return &accessError{what: fmt.Sprintf("the array's URL %q %s", secret.Address(raw), why), todo: todo}
	}
	if raw == "" {
		return nil, &accessError{what: "the array has no URL", todo: gatewayExample}
	}
	if !strings.Contains(raw, "://") {
		return nil, bad("has no scheme", gatewayExample)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, bad("can't be understood", gatewayExample)
	}
	switch {
	case u.User != nil:
		return nil, bad("holds a user name", "leave it out: the array is asked with an API token")
	case u.Hostname() == "":
		return nil, bad("names no host", gatewayExample)
	case portless(u):
		return nil, bad("names a port that there is not", gatewayExample)
	case strings.ContainsAny(raw, "?#"):
		return nil, bad("has a query or a fragment", gatewayExample)
	case secret.Address(raw) != raw:
		return nil, bad("holds an @", gatewayExample) // it could not be shown
	case slices.Contains(strings.Split(u.Path, "/"), "api"):
		return nil, bad(`contains "/api"`, `leave "/api" and what follows out of the URL, it is added`)
	case u.Scheme == "https", u.Scheme == "http" && insecure:
	case u.Scheme == "http":
		return nil, bad("would send the token unencrypted", "use https://")
	default:
		return nil, bad(fmt.Sprintf("has scheme %q", u.Scheme), gatewayExample)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}
