package records

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/canonical/lxd/shared/api"
	"github.com/pureclean/pureclean/jsonpull"
)

// maxRefusal bounds what is read of an answer that is not 200.
const maxRefusal = 1 << 20

// getRows asks for a list and reads its rows as they arrive. The lists of
// volumes, of instances and of a pool's users are as long as the estate is
// large, and two thirds of them are not read: neither the text as a whole nor
// what is not needed of it is ever held.
//
// expected is about how many there are, or 0.
func getRows[T any](ctx context.Context, r *Reader, path string, expected int, row func(*puller) T) reply[[]T] {
	var out reply[[]T]
	ctx, cancel := r.limited(ctx)
	defer cancel()
	var err error
	if out.value, err = askRows(ctx, r, path, make([]T, 0, expected), row); err != nil {
		out.err = fmt.Errorf("GET %s: %w", path, explain(late(ctx, err)))
	}
	return out
}

// getRow asks for one of the rows that such a list has.
func getRow[T any](ctx context.Context, r *Reader, path string, row func(*pulled) T) reply[T] {
	var out reply[T]
	got := get[json.RawMessage](ctx, r, path)
	if out.err = got.err; out.err == nil {
		p := &puller{stream: jsonpull.NewStream(bytes.NewReader(got.value), nil), names: map[string]string{}}
		out.value = whole(row)(p)
		if p.stream.Finish(); p.stream.Err != nil || p.wrong != nil {
			out.err = fmt.Errorf("GET %s: %w", path, errors.Join(p.stream.Err, p.wrong))
		}
	}
	return out
}

func askRows[T any](ctx context.Context, r *Reader, path string, rows []T, row func(*puller) T) ([]T, error) {
	conn, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	// The host is the one that lxd/client writes; it is never looked up.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://unix.socket"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := conn.DoHTTP(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp)
	}
	return readRows(resp.Body, rows, row)
}

// refusal is what LXD says instead of an answer.
func refusal(resp *http.Response) error {
	var said api.Response
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err == nil {
		err = json.Unmarshal(text, &said)
	}
	if err != nil || said.Type != api.ErrorResponse {
		return fmt.Errorf("LXD answered %s", resp.Status)
	}
	return api.NewStatusError(resp.StatusCode, said.Error)
}

// readRows takes the rows out of LXD's envelope and puts them into rows. Those
// that could be read are returned even if something is wrong with the answer.
func readRows[T any](body io.Reader, rows []T, row func(*puller) T) ([]T, error) {
	p := &puller{stream: jsonpull.NewStream(body, nil), names: map[string]string{}}
	var (
		kind     string
		code     int64
		message  string
		metadata byte
	)
	p.stream.Members(func(key string) {
		switch key {
		case "type":
			kind = p.text()
		case "status_code":
			code = p.integer()
		case "error":
			message = p.text()
		case "metadata":
			if rows = rows[:0]; metadata != 0 {
				p.doubt("metadata is there twice, which")
			}
			if metadata = p.stream.Next(); metadata != '[' {
				p.skip()
				return
			}
			p.stream.Elements(func() { rows = append(rows, row(p)) })
		default:
			p.skip()
		}
	})
	p.stream.Finish()
	switch {
	case p.stream.Err != nil:
		return rows, p.stream.Err
	case kind == string(api.ErrorResponse):
		return nil, api.NewStatusError(http.StatusOK, message)
	case kind != string(api.SyncResponse) || code != http.StatusOK:
		return nil, fmt.Errorf("%w: an answer of type %q with status %d", errMalformed, kind, code)
	case metadata != '[':
		return nil, fmt.Errorf("%w: it has no list in it", errMalformed)
	}
	return rows, p.wrong
}

// puller reads a row. Null is nothing, as encoding/json has it; a value of
// another type than expected is passed over and remembered, and nothing of it
// gets into the error, for it may be a secret.
type puller struct {
	stream *jsonpull.Stream
	// names holds the strings that many rows share, once.
	names map[string]string
	wrong error
	// list and devices are there to be used again.
	list    []string
	devices []deviceRow
}

func (p *puller) doubt(what string) {
	if p.wrong == nil {
		p.wrong = fmt.Errorf("%w: %s is not as it should be", errMalformed, what)
	}
}

// nothing passes over a value that should be null if it is no list or object.
func (p *puller) nothing() {
	if next := p.stream.Next(); next != 'n' && next != 0 {
		p.doubt("the type of a value")
	}
	p.skip()
}

func (p *puller) skip() { p.stream.Try((*jsonpull.Cursor).Skip) }

// whole reads a row in one piece. f may be called again, from the beginning,
// when only a part of the row had arrived.
func whole[T any](f func(*pulled) T) func(*puller) T {
	return func(p *puller) (row T) {
		in := pulled{puller: p}
		p.stream.Try(func(c *jsonpull.Cursor) {
			in.Cursor = c
			row = f(&in)
		})
		return row
	}
}

func (p *puller) text() (s string) {
	p.stream.Try(func(c *jsonpull.Cursor) { s = (&pulled{p, c}).text() })
	return s
}

// textUnless is empty for a text that begins like that, which is not made one.
func (p *puller) textUnless(begins string) (s string) {
	p.stream.Try(func(c *jsonpull.Cursor) {
		raw := (&pulled{p, c}).raw()
		if s = ""; begins == "" || !bytes.HasPrefix(raw, []byte(begins)) {
			s = string(raw)
		}
	})
	return s
}

func (p *puller) integer() (n int64) {
	p.stream.Try(func(c *jsonpull.Cursor) { n = (&pulled{p, c}).integer() })
	return n
}

// pulled reads values of which all has arrived, or is asked again.
type pulled struct {
	*puller
	*jsonpull.Cursor
}

// opens reports whether an object or a list is next; what is neither that nor
// null is wrong.
func (p *pulled) opens(first byte) bool {
	switch next := p.Peek(); {
	case p.Err != nil:
		return false
	case next == first:
		return true
	case next != 'n':
		p.doubt("the type of a value")
	}
	p.Skip()
	return false
}

// object yields the keys of an object; the value must be read. A key is valid
// until then.
func (p *pulled) object(yield func(key []byte) bool) {
	if !p.opens('{') {
		return
	}
	p.I++
	if p.Peek() == '}' {
		p.I++
		return
	}
	for p.Err == nil {
		if p.Peek() != '"' {
			p.Fail("a key")
			return
		}
		key, escaped := p.Str()
		if escaped {
			key = []byte(jsonpull.Unescape(key))
		}
		p.Take(':', "a colon")
		if p.Err != nil || !yield(key) || !p.More('}') {
			return
		}
	}
}

// settings is an object of texts; nil when it is null.
func (p *pulled) settings() map[string]string {
	if p.Peek() == 'n' {
		p.Skip()
		return nil
	}
	all := map[string]string{}
	for key := range p.object {
		name := string(key)
		all[name] = p.text()
	}
	return all
}

// texts is a list of texts that other rows may have in common; never nil.
func (p *pulled) texts() []string {
	p.list = p.list[:0]
	if p.opens('[') {
		p.Elements(func() { p.list = append(p.list, p.shared()) })
	}
	return append([]string{}, p.list...)
}

// raw is a text's bytes, valid until something else is read; nil when there
// is none.
func (p *pulled) raw() []byte {
	if !p.opens('"') {
		return nil
	}
	raw, ok := p.Text()
	switch {
	case p.Err != nil:
		return nil
	case !ok:
		return bytes.ToValidUTF8(raw, []byte("\uFFFD"))
	}
	return raw
}

func (p *pulled) text() string { return string(p.raw()) }

// shared is a text that many rows have in common.
func (p *pulled) shared() string {
	raw := p.raw()
	if s, ok := p.names[string(raw)]; ok {
		return s
	}
	s := string(raw)
	p.names[s] = s
	return s
}

func (p *pulled) integer() int64 {
	next := p.Peek()
	if next != '-' && (next < '0' || next > '9') {
		if next != 'n' {
			p.doubt("a number")
		}
		p.Skip()
		return 0
	}
	n, ok := p.Integer()
	if !ok && p.Err == nil {
		p.doubt("a number")
	}
	return n
}

func (p *pulled) moment() time.Time {
	var t time.Time
	if raw := p.raw(); raw != nil && t.UnmarshalText(raw) != nil {
		p.doubt("a time")
	}
	return t
}
