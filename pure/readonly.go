package pure

import (
	"errors"
	"net/http"
	"strings"
)

// errReadOnly can only be met by a mistake in this program.
var errReadOnly = errors.New("refused to send a request that is not reading: this is a reader")

// readOnly lets reading pass, and refuses everything else before it reaches
// the network. It is the innermost layer: nothing can be wrapped below it.
type readOnly struct{ next http.RoundTripper }

// RoundTrip sends a GET, a login or a logout.
func (r readOnly) RoundTrip(request *http.Request) (*http.Response, error) {
	if !isReading(request) {
		if request.Body != nil {
			_ = request.Body.Close() // a RoundTripper must, and nothing was sent
		}
		return nil, errReadOnly
	}
	return r.next.RoundTrip(request)
}

func isReading(request *http.Request) bool {
	if request.Body != nil && request.Body != http.NoBody {
		return false
	}
	switch request.Method {
	case http.MethodGet:
		return true
	case http.MethodPost:
		_, call, found := strings.Cut(request.URL.Path, "/api/")
		number, call, _ := strings.Cut(call, "/")
		_, isVersion := parseVersion(number)
		return found && isVersion && (call == "login" || call == "logout")
	default:
		return false
	}
}
