package array

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
)

// RoundTrip answers a request as the server does over the network, without the
// network: greetings are most of the work of a short request. It implements
// http.RoundTripper.
func (s *Server) RoundTrip(request *http.Request) (*http.Response, error) {
	if s.stopped.Err() != nil {
		return nil, net.ErrClosed
	}
	ctx, cancel := context.WithCancel(request.Context())
	defer cancel()
	defer context.AfterFunc(s.stopped, cancel)()
	in := request.Clone(ctx)
	in.RequestURI, in.RemoteAddr = request.URL.RequestURI(), "127.0.0.1:1"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	to := &answer{header: http.Header{}}
	err := to.by(s.server.Handler, in)
	_ = in.Body.Close() // as a transport must; nothing was written to it
	if err := cmp.Or(err, ctx.Err()); err != nil {
		return nil, err
	}
	if to.hungUp && !to.flushed {
		return nil, io.ErrUnexpectedEOF
	}
	var body io.Reader = &to.body
	if to.hungUp {
		body = io.MultiReader(body, brokenOff{})
	}
	return &http.Response{
		Status: http.StatusText(to.status), StatusCode: to.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: to.header, Body: io.NopCloser(body), ContentLength: int64(to.body.Len()), Request: request,
	}, nil
}

// answer takes an answer down, which may be broken off.
type answer struct {
	header          http.Header
	status          int
	body            bytes.Buffer
	flushed, hungUp bool
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (a *answer) Flush() { a.flushed = true }

// by lets a handler answer. Its error is a mistake in the handler.
func (a *answer) by(handler http.Handler, request *http.Request) (err error) {
	defer func() {
		broke := recover()
		a.hungUp = broke == http.ErrAbortHandler
		if broke != nil && !a.hungUp {
			err = fmt.Errorf("the array panicked: %v\n%s", broke, debug.Stack())
		}
	}()
	handler.ServeHTTP(a, request)
	return nil
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
