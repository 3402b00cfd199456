package pure

import (
	"errors"
	"fmt"
	"io"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/jsonpull"
)

// notJSONError is a 200 whose body is something else.
type notJSONError struct {
	begins string
	page   bool
}

func (e *notJSONError) Error() string {
	switch {
	case e.page && e.begins != "":
		return fmt.Sprintf("the answer is a web page (%q) and not the REST API's", e.begins)
	case e.page:
		return "the answer is a web page and not the REST API's"
	case e.begins == "":
		return "the answer is empty"
	default:
		return fmt.Sprintf("the answer is not the JSON that was asked for, it begins with %q", e.begins)
	}
}

// excerpt is the beginning of a text, for people.
func excerpt(text []byte) string { return tidy(string(text[:min(len(text), 80)])) }

var (
	errTwice  = errors.New("the answer says the same thing twice")
	errNoList = errors.New("the answer has no list of items")
)

// envelope is what a page says besides its rows.
type envelope struct {
	// token continues the list; empty when the page has none.
	token string
	// more is whether the page says that there are further ones.
	more evidence.Answer
	// total is how many rows the list has, when that was asked for.
	total evidence.Count
}

// readPage reads one page of a list from r and calls row at each of its
// rows. A row may be read more than once: a later reading is the one that
// counts, and at the end of each row done is called. buffer is only there to
// be used again.
func readPage(r io.Reader, buffer []byte, row func(*jsonpull.Cursor), done func()) (envelope, []byte, error) {
	s := jsonpull.NewStream(r, buffer)
	var e envelope
	if s.Err == nil && s.Peek() != '{' || s.Err == jsonpull.ErrShort && s.I == len(s.B) {
		return e, s.B, &notJSONError{begins: excerpt(s.B)}
	}
	// Only of what is read it matters whether it comes twice.
	seen := map[string]bool{"items": false, "continuation_token": false, "more_items_remaining": false, "total_item_count": false}
	s.I++
	for s.Err == nil && !s.End('}') {
		var key string
		s.Try(func(c *jsonpull.Cursor) {
			if c.Peek() != '"' {
				c.Fail("a key")
			}
			raw, _ := c.Text()
			key = string(raw)
			c.Take(':', "a colon")
		})
		if before, ours := seen[key]; ours {
			if before && s.Err == nil {
				s.Err = errTwice
			}
			seen[key] = true
		}
		switch key {
		case "items":
			s.List(row, done)
		case "continuation_token":
			s.Try(func(c *jsonpull.Cursor) {
				if c.Peek() != '"' {
					c.Skip()
					return
				}
				raw, _ := c.Text()
				e.token = string(raw)
			})
		case "more_items_remaining":
			s.Try(func(c *jsonpull.Cursor) {
				if next := c.Peek(); next == 't' || next == 'f' {
					e.more = evidence.AnswerOf(next == 't')
				}
				c.Skip()
			})
		case "total_item_count":
			s.Try(func(c *jsonpull.Cursor) {
				if next := c.Peek(); next < '0' || next > '9' {
					c.Skip()
					return
				}
				if n, ok := c.Integer(); ok {
					e.total = evidence.CountOf(n)
				}
			})
		default:
			s.Try((*jsonpull.Cursor).Skip)
		}
		s.Comma('}')
	}
	s.Finish()
	if s.Err == nil && !seen["items"] {
		s.Err = errNoList
	}
	return e, s.B, s.Err
}
