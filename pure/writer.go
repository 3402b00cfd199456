package pure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Writer is a login at one array that changes single objects on it. It reads
// nothing and judges nothing: whoever calls it has looked before, and looks
// again after.
//
// Each method sends one request for one object, and never repeats it. What a
// method returns is what is known of that request:
//
//   - nil: the array answered 200. That proves nothing about the object;
//     arrays have been seen to answer so and do nothing.
//   - an error that is a *LostError: whether it was done, or still will be,
//     is not known.
//   - a *SessionEndedError: it was not done, and may be asked for again.
//   - any other error: it was not done. With an *Error of Status 400 the array
//     itself refused it. An array's gateway may refuse a request that the
//     array has seen before on some detour, so even then the next step is to
//     look.
//
// A context that ends while a request is under way ends the waiting, not the
// request: that is a LostError too. Methods may be called at the same time;
// what they send goes out one after another.
type Writer struct {
	session *session
	guard   *changesOnly
	timeout time.Duration // of the quick changes
	one     sync.Mutex    // one change at a time
}

// slowest is how long a change of a volume or snapshot may take: destroying
// one with many snapshots or in a replicated pod takes 30 s and more, and
// what is given up too early is done all the same, later.
const slowest = time.Minute

// OpenWriter agrees on an API version with the array and logs in. Whether the
// token's user may change anything only shows with the first change. The
// error is a sentence; Hint knows what can be done about it.
//
// It speaks the one version that LXD speaks: what LXD's own daily use of
// these calls has proven, and not what newer versions made of them.
func OpenWriter(ctx context.Context, access Access, options Options) (*Writer, error) {
	options = options.withDefaults()
	if strings.HasPrefix(strings.ToLower(access.URL), "http://") {
		return nil, &accessError{what: "the array is asked over http://, and nothing is changed so", todo: "use https://"}
	}
	w := &Writer{guard: &changesOnly{}, timeout: options.Timeout}
	var err error
	w.session, err = openSession(ctx, access, options, []version{base}, func(next http.RoundTripper) http.RoundTripper {
		w.guard.next = next
		return w.guard
	})
	if err != nil {
		return nil, err
	}
	if err := w.session.expect(ctx, access.ID); err != nil {
		_ = w.Close(ctx) // the session ends by itself
		return nil, err
	}
	return w, nil
}

// Close logs out, even when ctx has ended, and takes a few seconds at most. A
// change under way goes on; one asked for later is refused.
func (w *Writer) Close(ctx context.Context) error { return w.session.close(ctx) }

// LastRequestID is the id under which the last change was sent, by which the
// array's logs can be searched; "" before the first.
func (w *Writer) LastRequestID() string { return w.guard.lastID() }

// Disconnect cuts the private connection of a volume and a host, both by
// their full names. A host group's connection is not the host's to cut: the
// array refuses that.
func (w *Writer) Disconnect(ctx context.Context, volumeName, host string) error {
	return w.send(ctx, disconnect, volumeName, host)
}

// Connect connects a volume to a host at a LUN, or for 0 at the lowest that is
// free there. The array refuses one that is not.
func (w *Writer) Connect(ctx context.Context, volumeName, host string, lun int64) error {
	c := connect
	if lun != 0 {
		if c.body = fmt.Sprintf(`{"lun":%d}`, lun); !c.may.MatchString(c.body) {
			return fmt.Errorf("connect volume %s to host %s: %d is no LUN, so nothing was sent", volumeName, host, lun)
		}
	}
	return w.send(ctx, c, volumeName, host)
}

// Destroy puts a volume, by its id, and its snapshots into the time in which
// they can be recovered.
func (w *Writer) Destroy(ctx context.Context, volumeID string) error {
	return w.send(ctx, destroy, volumeID)
}

// Recover takes a destroyed volume and the snapshots destroyed with it back.
// Its connections do not come back.
func (w *Writer) Recover(ctx context.Context, volumeID string) error {
	return w.send(ctx, recoverVolume, volumeID)
}

// Eradicate removes a destroyed volume and its snapshots for good.
func (w *Writer) Eradicate(ctx context.Context, volumeID string) error {
	return w.send(ctx, eradicate, volumeID)
}

// DestroySnapshot is Destroy for one snapshot, by its id.
func (w *Writer) DestroySnapshot(ctx context.Context, snapshotID string) error {
	return w.send(ctx, destroySnapshot, snapshotID)
}

// RecoverSnapshot takes a destroyed snapshot back.
func (w *Writer) RecoverSnapshot(ctx context.Context, snapshotID string) error {
	return w.send(ctx, recoverSnapshot, snapshotID)
}

// DeleteHost deletes a host, by name since hosts have no ids. The array
// refuses that while the host has connections. It can't be undone, but a host
// is only a name and its initiators.
func (w *Writer) DeleteHost(ctx context.Context, name string) error {
	return w.send(ctx, deleteHost, name)
}

// change is one kind of request that a Writer sends.
type change struct {
	method, path string
	body         string
	// may be the body, in place of the one above.
	may *regexp.Regexp
	// objects are its whole query: each names one object.
	objects []parameter
	slow    bool
}

// parameter is one of a change's query. words stand before its value in a
// sentence.
type parameter struct {
	key, words string
	name       naming
}

// The changes, and there are no others: whatever is not in this table does
// not pass the Writer's own transport.
var (
	disconnect = change{
		method: http.MethodDelete, path: "connections",
		objects: []parameter{{"volume_names", "disconnect volume", volumeName}, {"host_names", "from host", hostName}},
	}
	// LXD connects without a body: the array chooses the LUN. What is connected
	// again gets the one that it had.
	connect = change{
		method: http.MethodPost, path: "connections", may: regexp.MustCompile(`^\{"lun":[1-9][0-9]{0,4}\}$`),
		objects: []parameter{{"volume_names", "connect volume", volumeName}, {"host_names", "to host", hostName}},
	}
	destroy = change{
		method: http.MethodPatch, path: "volumes", body: `{"destroyed":true}`, slow: true,
		objects: []parameter{{"ids", "destroy volume", objectID}},
	}
	recoverVolume = change{
		method: http.MethodPatch, path: "volumes", body: `{"destroyed":false}`, slow: true,
		objects: []parameter{{"ids", "recover volume", objectID}},
	}
	eradicate = change{
		method: http.MethodDelete, path: "volumes", slow: true,
		objects: []parameter{{"ids", "eradicate volume", objectID}},
	}
	destroySnapshot = change{
		method: http.MethodPatch, path: "volume-snapshots", body: `{"destroyed":true}`, slow: true,
		objects: []parameter{{"ids", "destroy snapshot", objectID}},
	}
	recoverSnapshot = change{
		method: http.MethodPatch, path: "volume-snapshots", body: `{"destroyed":false}`, slow: true,
		objects: []parameter{{"ids", "recover snapshot", objectID}},
	}
	deleteHost = change{
		method: http.MethodDelete, path: "hosts",
		objects: []parameter{{"names", "delete host", hostName}},
	}

	changes = []change{disconnect, connect, destroy, recoverVolume, eradicate, destroySnapshot, recoverSnapshot, deleteHost}
)

// naming is how objects of a kind are called. Everything that could make the
// array see several objects in one parameter (a comma), or a pattern (an
// asterisk), is outside of it, as are empty names: without a value some
// parameters mean "all".
type naming struct {
	fits *regexp.Regexp
	is   string
}

var (
	// volumeName is "name", "pod::name" or "group/name".
	volumeName = naming{regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:/-]*$`), "a volume's name"}
	// hostName has no colon: "array:host" belongs to a peer of a stretched
	// pod, whose business it is.
	hostName = naming{regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`), "the name of a host of this array"}
	// objectID is a UUID, so that no name can be taken for one.
	objectID = naming{regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`), "an id"}
)

// call is the request for the named objects.
func (c change) call(api version, names []string) (call, error) {
	request := call{
		method: c.method, path: "/api/" + api.String() + "/" + c.path,
		query: url.Values{}, body: c.body,
	}
	var words []string
	for i, p := range c.objects {
		if !p.name.fits.MatchString(names[i]) {
			return call{}, fmt.Errorf("%s: %q is not %s, so nothing was sent", strings.Join(append(words, p.words), " "), tidy(names[i]), p.name.is)
		}
		request.query.Set(p.key, names[i])
		words = append(words, p.words, names[i])
	}
	request.op = strings.Join(words, " ")
	return request, nil
}

// send makes a change and says what became of it.
func (w *Writer) send(ctx context.Context, c change, names ...string) error {
	request, err := c.call(w.session.api, names)
	if err != nil {
		return err
	}
	request.timeout = w.timeout
	if c.slow {
		request.timeout = max(slowest, w.timeout)
	}
	w.one.Lock()
	defer w.one.Unlock()
	w.session.resume()
	// Between two changes people think. A connection that lay idle meanwhile
	// may be dead without our knowing, and a request sent into it would be a
	// lost one; on a new connection, not reaching the array is certain.
	w.session.wire.hangUp()
	log := w.session.wire.log
	log.Info("asking the array for a change", "op", request.op)
	err = outcome(w.session.change(ctx, request, drain))
	result := []any{"op", request.op, "request", w.LastRequestID(), "outcome", outcomeName(err)}
	if err != nil {
		result = append(result, slog.String("error", err.Error()))
	}
	log.Info("asked the array for a change", result...)
	return err
}

// drain reads an answer to its end, to know that it has one. What it says is
// of no use: the array is read again.
func drain(_ http.Header, answer io.Reader) error {
	_, err := io.Copy(io.Discard, answer)
	return err
}

// changesOnly lets the changes of the table pass, and what a session needs.
// It is the innermost layer: nothing can be wrapped below it.
type changesOnly struct {
	next http.RoundTripper

	mu   sync.Mutex
	last string
}

// errNoChange can only be met by a mistake in this program.
var errNoChange = errors.New("refused to send a request that is none of a writer's")

// RoundTrip sends a change, the questions for the versions and for who
// answers, a login or a logout.
func (g *changesOnly) RoundTrip(request *http.Request) (*http.Response, error) {
	switch {
	case isChange(request):
		g.mu.Lock()
		g.last = request.Header.Get("X-Request-ID")
		g.mu.Unlock()
	case isReading(request) && (request.Method != http.MethodGet || isIntroduction(request.URL.Path)):
	default:
		if request.Body != nil {
			_ = request.Body.Close() // a RoundTripper must, and nothing was sent
		}
		return nil, errNoChange
	}
	return g.next.RoundTrip(request)
}

// isIntroduction reports the two questions by which array and writer get to
// know each other.
func isIntroduction(path string) bool {
	return strings.HasSuffix(path, "/api/api_version") || strings.HasSuffix(path, "/api/"+base.String()+"/arrays")
}

func (g *changesOnly) lastID() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.last
}

// isChange reports whether a request is one of the table, for one object of
// each kind and with that body.
func isChange(request *http.Request) bool {
	_, path, _ := strings.Cut(request.URL.Path, "/api/"+base.String()+"/")
	query, err := url.ParseQuery(request.URL.RawQuery)
	if err != nil {
		return false
	}
	body, ok := bodyOf(request)
	return ok && slices.ContainsFunc(changes, func(c change) bool {
		return c.method == request.Method && c.path == path && len(query) == len(c.objects) &&
			!slices.ContainsFunc(c.objects, func(p parameter) bool {
				return len(query[p.key]) != 1 || !p.name.fits.MatchString(query.Get(p.key))
			}) && (body == c.body || c.may != nil && c.may.MatchString(body))
	})
}

// longest is longer than any body of a change.
const longest = 64

// bodyOf is a request's body, read from a copy of it; false when there is none to
// be had, or it is too long to be a change's.
func bodyOf(request *http.Request) (string, bool) {
	if request.Body == nil || request.Body == http.NoBody {
		return "", true
	}
	if request.GetBody == nil {
		return "", false
	}
	body, err := request.GetBody()
	if err != nil {
		return "", false
	}
	text, err := io.ReadAll(io.LimitReader(body, longest+1))
	_ = body.Close() // text in memory
	return string(text), err == nil && len(text) > 0 && len(text) <= longest
}
