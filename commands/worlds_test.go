package commands_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
)

// sharedDir holds what is expensive to write: the tree of the demo's host.
var (
	sharedDir string
	shared    sync.Once
)

func demoTree(t *testing.T) string {
	t.Helper()
	w := worlds.Demo(t)
	shared.Do(func() {
		dir, err := os.MkdirTemp("", "pureclean-test")
		if err != nil {
			t.Fatal(err)
		}
		sharedDir = dir
		if err := w.Hosts[0].WriteTo(filepath.Join(dir, "host")); err != nil {
			t.Fatal(err)
		}
	})
	return filepath.Join(sharedDir, "host")
}

// served is a world as the ordinary program finds it: a socket, an address, a
// recorded tree and a configuration.
type served struct {
	*simulator.World
	tree, config string
}

// serve writes the world's host and a configuration, and makes its LXD the
// one that is found.
func serve(t *testing.T, w *simulator.World) *served {
	t.Helper()
	s := &served{World: w, tree: filepath.Join(t.TempDir(), "host")}
	if w == worlds.Demo(t) {
		s.tree = demoTree(t)
	} else if err := w.Hosts[0].WriteTo(s.tree); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LXD_SOCKET", w.Socket)
	s.configure(t, "fingerprint: "+w.Server.Fingerprint)
	return s
}

// configure writes what the configuration says of every pool's array.
func (s *served) configure(t *testing.T, array string) {
	t.Helper()
	text := fmt.Sprintf("state_dir: %s\npools:\n", t.TempDir())
	for _, pool := range s.Pools() {
		text += fmt.Sprintf("  %s: {array: {%s}}\n", pool, array)
	}
	s.config = write(t, "pureclean.yaml", text)
}

// run runs a command that looks at the world.
func (s *served) run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return run(t, append(args, "--config", s.config, "--sysroot", s.tree)...)
}

// runBefore runs a command before a live world with a fixed clock. change
// may alter the surroundings.
func runBefore(ctx context.Context, w *simulator.World, change func(*commands.Streams), args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	s := commands.Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Getenv: func(string) string { return "" }}
	if change != nil {
		change(&s)
	}
	status = commands.Main(ctx, append([]string{"pureclean"}, args...), commands.Before(s, w))
	return status, out.String(), errs.String()
}

// program is the path of the program itself, to be run as a process: TestMain
// makes it of the tests' own executable.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pureclean")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// replacing passes answers on with words replaced.
func replacing(t *testing.T, target *url.URL, transport http.RoundTripper, words *strings.Replacer) http.Handler {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		body = []byte(words.Replace(string(body)))
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		r.Header.Set("Content-Length", fmt.Sprint(len(body)))
		return nil
	}
	return proxy
}

// speaking puts words into the mouths of a world's array and LXD.
func (s *served) speaking(t *testing.T, words *strings.Replacer) {
	t.Helper()
	target, err := url.Parse(s.Server.URL)
	if err != nil {
		t.Fatal(err)
	}
	trusting := s.Server.CertPEM
	front := httptest.NewTLSServer(replacing(t, target, transportTo(t, trusting), words))
	t.Cleanup(front.Close)
	s.configure(t, fmt.Sprintf("url: %q, fingerprint: %s", front.URL, fingerprint(front.Certificate().Raw)))

	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	toLXD := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", s.Socket)
	}}
	server := &http.Server{Handler: replacing(t, &url.URL{Scheme: "http", Host: "lxd"}, toLXD, words), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	t.Setenv("LXD_SOCKET", path)
}

// transportTo trusts one certificate.
func transportTo(t *testing.T, certificate []byte) http.RoundTripper {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certificate) {
		t.Fatal("no certificate")
	}
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
}

func fingerprint(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	return "sha256:" + hex.EncodeToString(sum[:])
}
