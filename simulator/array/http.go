package array

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// call is one request on its way through the array, and what its rows are
// read with.
type call struct {
	array *Array
	state *state
	now   time.Time
	minor int // of the REST version asked, 21 for 2.21
	query url.Values
	body  map[string]json.RawMessage
	fault *Fault // of the kinds that change a page
	user  string
	// lastRow and lastSum remember what was added up for a row, which
	// several of its columns ask for in turn.
	lastRow, lastSum any
}

// memo adds up something once for all columns of a row.
func memo[T any](c *call, row any, sum func() T) T {
	if c.lastRow == row {
		if s, ok := c.lastSum.(T); ok {
			return s
		}
	}
	s := sum()
	c.lastRow, c.lastSum = row, s
	return s
}

type operation struct {
	// parameters it documents, as far as they are sent here.
	parameters []string
	run        func(*call) ([]byte, error)
}

type endpoint map[string]operation

func (a *Array) Handler() http.Handler { return http.HandlerFunc(a.serve) }

func (a *Array) serve(w http.ResponseWriter, r *http.Request) {
	version, path := splitPath(r.URL.Path)
	id := r.Header.Get("X-Request-ID")
	if id == "" {
		id = a.sessions.newID()
	}
	now := a.clock.Now()
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	w.Header().Set("X-Request-ID", id)
	entry := a.requests.begin(Request{
		Time: now, Method: r.Method, Version: version, Path: path,
		Query: r.URL.Query(), RequestID: id, UserAgent: r.UserAgent(),
	})
	answer := func(status int, body []byte, contentType string) {
		a.requests.end(entry, status)
		if body != nil {
			w.Header().Set("Content-Type", contentType)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body) // a client that has gone needs no answer
	}

	hit := a.faults.match(r.Method, path, r.URL.Query())
	if hit.wait(r.Context()) != nil {
		// The documented way to break an answer off: net/http recovers it and
		// closes the connection.
		panic(http.ErrAbortHandler)
	}
	fault := hit.fault
	if fault != nil && fault.instead() && !fault.Done {
		a.fail(w, r, fault, answer)
		return
	}
	status, body, contentType := a.do(r, version, path, fault, w.Header())
	made := body
	defer func() { a.buffers.give(made) }()
	switch {
	case fault == nil:
	case fault.instead():
		a.fail(w, r, fault, answer)
		return
	case fault.Kind == LoseReply:
		panic(http.ErrAbortHandler)
	case fault.Kind == HalfBody:
		a.requests.end(entry, status)
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2]) // cut on purpose
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case fault.Kind == WrongType:
		body = wrongType(body)
	}
	answer(status, body, contentType)
}

// instead reports a fault whose answer has nothing of the call's own.
func (f *Fault) instead() bool {
	switch f.Kind {
	case Drop, Unauthorized, Forbidden, TooMany, ServerError, Lie, Reply:
		return true
	default:
		return false
	}
}

func (a *Array) fail(w http.ResponseWriter, r *http.Request, f *Fault, answer func(int, []byte, string)) {
	if f.Kind == Drop {
		panic(http.ErrAbortHandler)
	}
	// A login that was carried out all the same must not give its token away.
	w.Header().Del("x-auth-token")
	f.answer(a, r, w.Header(), answer)
}

// splitPath takes "/api/2.21/volumes" apart into "2.21" and "/volumes".
func splitPath(path string) (version, rest string) {
	tail, ok := strings.CutPrefix(path, "/api/")
	if !ok {
		return "", path
	}
	if tail == "api_version" {
		return "", "/api_version"
	}
	version, rest, _ = strings.Cut(tail, "/")
	return version, "/" + rest
}

const jsonType = "application/json"

// do carries a request out. header is the answer's, for the session token.
func (a *Array) do(r *http.Request, version, path string, fault *Fault, header http.Header) (status int, body []byte, contentType string) {
	if path == "/api_version" && version == "" {
		b, _ := json.Marshal(map[string]any{"version": a.options.versions}) // strings always encode
		return http.StatusOK, b, jsonType
	}
	minor, ok := a.minor(version)
	methods, known := a.endpoints[path]
	if !ok || !known && path != "/login" && path != "/logout" {
		// Not in the JSON shape of other errors, as far as is known.
		return http.StatusNotFound, htmlPage(http.StatusNotFound), "text/html"
	}
	if !known && r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, htmlPage(http.StatusMethodNotAllowed), "text/html"
	}
	if path == "/login" {
		body, err := a.login(r, header)
		return result(body, err)
	}
	user, ok := a.sessions.use(r.Header.Get("x-auth-token"), a.clock.Now(), &a.options)
	if !ok {
		return http.StatusUnauthorized, a.unauthorized(), jsonType
	}
	if path == "/logout" {
		a.sessions.end(r.Header.Get("x-auth-token"))
		return http.StatusOK, nil, ""
	}
	op, ok := methods[r.Method]
	if !ok {
		return http.StatusMethodNotAllowed, htmlPage(http.StatusMethodNotAllowed), "text/html"
	}
	c := &call{array: a, minor: minor, query: r.URL.Query(), fault: fault, user: user}
	if err := c.checkParameters(op); err != nil {
		return result(nil, err)
	}
	if r.Method == http.MethodGet {
		return result(a.read(c, op))
	}
	if user == readOnlyUser {
		return http.StatusForbidden, []byte(kongForbidden), jsonType
	}
	if err := c.readBody(r); err != nil {
		return result(nil, err)
	}
	return result(a.write(c, op, r.Method, path))
}

func result(body []byte, err error) (int, []byte, string) {
	if err != nil {
		r := asRefusal(err)
		return r.status, r.body(), jsonType
	}
	return http.StatusOK, body, jsonType
}

func (a *Array) minor(version string) (int, bool) {
	tail, ok := strings.CutPrefix(version, "2.")
	minor, err := strconv.Atoi(tail)
	return minor, ok && err == nil && slices.Contains(a.options.versions, version)
}

func (a *Array) read(c *call, op operation) ([]byte, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	c.now, c.state = a.clock.Now(), a.state
	return op.run(c)
}

func (a *Array) write(c *call, op operation, method, path string) (body []byte, err error) {
	err = a.change(func(s *state, now time.Time) (err error) {
		c.state, c.now = s, now
		if body, err = op.run(c); err == nil || a.options.Unverified.AuditRefused {
			s.note(c, method, path)
		}
		return err
	})
	return body, err
}

func (c *call) checkParameters(op operation) error {
	for name := range c.query {
		if !slices.Contains(op.parameters, name) && !c.array.options.Unverified.AcceptUnknownParameters {
			return refuse(unknownParameter, name)
		}
	}
	return nil
}

// readBody reads a JSON object, or nothing: LXD connects without a body.
func (c *call) readBody(r *http.Request) error {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return refuseAll(badBody)
	}
	c.body = map[string]json.RawMessage{}
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, &c.body); err != nil {
		return refuseAll(badBody)
	}
	return nil
}

// list splits a parameter at its commas. Given says that it was there with a value.
func (c *call) list(parameter string) (names []string, given bool) {
	for _, v := range c.query[parameter] {
		for n := range strings.SplitSeq(v, ",") {
			if n = strings.TrimSpace(n); n != "" {
				names = append(names, n)
			}
		}
	}
	return names, len(names) > 0
}

func (c *call) flag(parameter string) (on, given bool) {
	return c.query.Get(parameter) == "true", c.query.Has(parameter)
}

func (c *call) count(parameter string) (n int64, given bool) {
	n, err := strconv.ParseInt(c.query.Get(parameter), 10, 64)
	return max(0, n), err == nil
}

// attribute decodes a member of the body. Given says that it was there and
// not null.
func (c *call) attribute(name string, into any) (given bool, err error) {
	raw, ok := c.body[name]
	if !ok || string(raw) == "null" {
		return false, nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return false, refuse(badBody, name)
	}
	return true, nil
}

// unchanged answers a change that says nothing to change.
func (c *call) unchanged() ([]byte, error) {
	if c.array.options.Unverified.SilentNoAttribute {
		return []byte(`{"items":[]}`), nil
	}
	return nil, refuseAll(noAttribute)
}

// the finds the one object that a change names. Nobody here changes several
// at once, and what the array would then do is not known.
func the[T any](c *call, parameter string, find func(*state, string) (T, error)) (T, error) {
	var none T
	names, _ := c.list(parameter)
	if len(names) != 1 {
		return none, refuse(missingParameter, parameter)
	}
	return find(c.state, names[0])
}

// mortal are the changes of a kind of objects that can be destroyed: PATCH does
// it and takes it back, DELETE makes it final. Without byID they have names only.
type mortal[T any] struct {
	columns            func() []column[T]
	find, byID         func(*state, string) (T, error)
	destroy            func(*state, time.Time, T) error
	recover, eradicate func(*state, T) error
}

func (m mortal[T]) named(c *call) (T, error) {
	if c.query.Has("ids") {
		return the(c, "ids", m.byID)
	}
	return the(c, "names", m.find)
}

func (m mortal[T]) patch() operation {
	return operation{parameters: m.parameters(), run: func(c *call) ([]byte, error) {
		var destroyed bool
		if given, err := c.attribute("destroyed", &destroyed); err != nil {
			return nil, err
		} else if !given {
			return c.unchanged()
		}
		one, err := m.named(c)
		switch {
		case err != nil:
		case destroyed:
			err = m.destroy(c.state, c.now, one)
		default:
			err = m.recover(c.state, one)
		}
		return item(c, m.columns(), one, err)
	}}
}

func (m mortal[T]) remove() operation {
	return operation{parameters: m.parameters(), run: func(c *call) ([]byte, error) {
		one, err := m.named(c)
		if err == nil {
			err = m.eradicate(c.state, one)
		}
		return nil, err
	}}
}

func (m mortal[T]) parameters() []string {
	if m.byID == nil {
		return []string{"names"}
	}
	return []string{"names", "ids"}
}

// itself serves the, where a name stands for a new object.
func itself(_ *state, name string) (string, error) { return name, nil }

// item answers a change with the row that it made or changed, or why not.
func item[T any](c *call, columns []column[T], row T, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return append(newTable(columns, c.minor).append([]byte(`{"items":[`), c, row), "]}"...), nil
}

func htmlPage(status int) []byte {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return fmt.Appendf(nil, "<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n", title, title)
}
