package worlds

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/pureclean/pureclean/simulator"
)

// Direct leads requests to the world's arrays without a network, whose
// greetings are most of the work of a look. It is for tests that look very
// often and are not about connections.
func Direct(w *simulator.World) func(http.RoundTripper) http.RoundTripper {
	return func(http.RoundTripper) http.RoundTripper { return direct{w} }
}

type direct struct{ world *simulator.World }

// RoundTrip answers as the array's server would. An answer that it breaks off
// breaks off here too.
func (d direct) RoundTrip(request *http.Request) (*http.Response, error) {
	in := request.Clone(request.Context())
	in.RequestURI = request.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	handler := d.world.Array.Handler()
	if p := d.world.PeerServer; p != nil && strings.HasSuffix(p.URL, "//"+request.URL.Host) {
		handler = d.world.Peer.Handler()
	}
	to := &answering{ResponseRecorder: httptest.NewRecorder()}
	handler.ServeHTTP(to, in)
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	if to.hungUp && !to.Flushed {
		return nil, io.ErrUnexpectedEOF
	}
	answer := to.Result()
	answer.Request = request
	if to.hungUp {
		answer.Body = io.NopCloser(io.MultiReader(answer.Body, brokenOff{}))
	}
	return answer, nil
}

// answering takes an answer down. Its connection is taken over by whoever means
// to break it off.
type answering struct {
	*httptest.ResponseRecorder
	hungUp bool
}

// Hijack implements http.Hijacker.
func (a *answering) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.hungUp = true
	ours, theirs := net.Pipe()
	return ours, bufio.NewReadWriter(bufio.NewReader(ours), bufio.NewWriter(ours)), theirs.Close()
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
