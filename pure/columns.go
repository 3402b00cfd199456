package pure

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/jsonpull"
)

// need says what it means when a row lacks a field.
type need int8

const (
	// optional: null, or not there, is an answer like any other.
	optional need = iota
	// present: null says "none", but the field must be there.
	present
	// required: diagnosis relies on it, so without it the list is not
	// complete, whatever else the row says.
	required
)

// column is one field of a row of type R: what it is called, how much it is
// needed and where it goes. A field that is not declared is skipped.
type column[R any] struct {
	name string
	need need
	// since is the API version that brought the field; before it nothing is
	// missing. The zero version is older than all.
	since version
	// read reads a value that is not null and says what is wrong with it, ""
	// for nothing. It may leave a value of the wrong type unread.
	read func(d *decoder, row *R) string
	// null is told of a null that is an answer; nil leaves what it means to
	// the zero value.
	null func(row *R)
	// inside are the fields of an object; read is nil then.
	inside []column[R]
}

// decoder reads the rows of one list.
type decoder struct {
	*jsonpull.Cursor
	api version
	// names holds strings that many rows share, once.
	names map[string]string
	// recent are the last strings of which the next row may have the same.
	recent [8]string
	next   int
	// shape is what the last row looked like.
	shape shape
	// kept is how much of the text of the row being read is kept.
	kept int64
	// betrays reports that a text repeats a secret of ours; nil never does.
	betrays func([]byte) bool
	// problems are what is wrong with the row being read.
	problems []string
}

func (d *decoder) problem(format string, args ...any) {
	if len(d.problems) < maxProblems {
		d.problems = append(d.problems, fmt.Sprintf(format, args...))
	}
}

// keep makes a string of a text, and counts what that takes.
func (d *decoder) keep(raw []byte) string {
	d.kept += int64(len(raw)) + 16
	return string(raw)
}

// share returns the text as a string of which there is only one.
func (d *decoder) share(raw []byte) string {
	if s, ok := d.names[string(raw)]; ok {
		return s
	}
	s := d.keep(raw)
	d.names[s] = s
	return s
}

// repeat returns the text as a string, the one of a row shortly before if that
// had the same.
func (d *decoder) repeat(raw []byte) string {
	for _, s := range &d.recent {
		if s == string(raw) {
			return s
		}
	}
	s := d.keep(raw)
	d.recent[d.next] = s
	d.next = (d.next + 1) % len(d.recent)
	return s
}

// decode reads the object that begins here into row, as far as the columns
// go. in is the object's own name, empty for the row itself.
func decode[R any](d *decoder, columns []column[R], row *R, in string, as *shape) {
	var seen uint64
	d.Take('{', "an object")
	empty := d.Peek() == '}'
	if empty {
		d.I++
	}
	for n := 0; !empty && d.Err == nil; n++ {
		key := as.key(d, n, func(name string) int {
			return slices.IndexFunc(columns, func(c column[R]) bool { return c.name == name })
		})
		if d.Peek(); d.Err != nil {
			return
		}
		switch i := key.column; {
		case i < 0:
			key.skip(d)
		case seen&(1<<i) != 0:
			d.problem("has %s twice", path(in, columns[i].name))
			d.Skip()
		default:
			seen |= 1 << i
			decodeValue(d, &columns[i], row, in, key)
		}
		if !d.More('}') {
			break
		}
	}
	if d.Err != nil {
		return
	}
	for i := range columns {
		column := &columns[i]
		if seen&(1<<i) == 0 && column.need != optional && d.api.compare(column.since) >= 0 {
			d.problem("has no %s", path(in, column.name))
		}
	}
}

// path names a field to people: nothing that is read lies deeper.
func path(in, name string) string {
	if in == "" {
		return name
	}
	return in + "." + name
}

func decodeValue[R any](d *decoder, column *column[R], row *R, in string, key *knownKey) {
	next := d.Peek()
	if next == 'n' {
		d.Skip()
		if column.need == required {
			d.problem("has no %s (it is null)", path(in, column.name))
		}
		if column.null != nil {
			column.null(row)
		}
		return
	}
	if column.inside != nil {
		if next != '{' {
			d.Skip()
			d.problem("has a %s that is not an object", path(in, column.name))
			return
		}
		if key.inside == nil {
			key.inside = &shape{}
		}
		decode(d, column.inside, row, column.name, key.inside)
		return
	}
	start := d.I
	if wrong := column.read(d, row); wrong != "" && d.Err == nil {
		if d.I == start {
			d.Skip()
		}
		d.problem("has a %s that %s", path(in, column.name), wrong)
		return
	}
	if column.need == required && d.Err == nil && string(d.B[start:d.I]) == `""` {
		d.problem("has an empty %s", path(in, column.name))
	}
}

const (
	notText   = "is not text"
	notNumber = "is not a whole number"
	notFlag   = "is not true or false"
)

// The readers of single values are given where the value goes.

// plainText is text of which every row has its own.
func plainText[R any](to func(*R) *string) func(*decoder, *R) string {
	return func(d *decoder, row *R) string {
		raw, wrong := d.textHere()
		if d.Err == nil && raw != nil {
			*to(row) = d.keep(raw)
		}
		return wrong
	}
}

// shared is text that many rows have in common.
func shared[R any](to func(*R) *string) func(*decoder, *R) string {
	return func(d *decoder, row *R) string {
		raw, wrong := d.textHere()
		if d.Err == nil && raw != nil {
			*to(row) = d.share(raw)
		}
		return wrong
	}
}

// repeated is text that the rows around have in common, such as the volume of
// a connection: there are too many to look them all up.
func repeated[R any](to func(*R) *string) func(*decoder, *R) string {
	return func(d *decoder, row *R) string {
		raw, wrong := d.textHere()
		if d.Err == nil && raw != nil {
			*to(row) = d.repeat(raw)
		}
		return wrong
	}
}

// textHere reads text; what is not UTF-8 in it is replaced, and wrong.
func (d *decoder) textHere() (raw []byte, wrong string) {
	if d.Peek() != '"' {
		return nil, notText
	}
	raw, ok := d.Text()
	if d.Err == nil && !ok {
		return []byte(strings.ToValidUTF8(string(raw), "\uFFFD")), "is not UTF-8"
	}
	if d.Err == nil && d.betrays != nil && d.betrays(raw) {
		// What is read is printed and remembered.
		return []byte("[redacted]"), "repeats our token"
	}
	return raw, ""
}

func (d *decoder) numberHere() (n int64, wrong string) {
	if next := d.Peek(); next != '-' && (next < '0' || next > '9') {
		return 0, notNumber
	}
	n, ok := d.Integer()
	switch {
	case !ok:
		return 0, notNumber
	case n < 0:
		return 0, "is negative"
	default:
		return n, ""
	}
}

// number is a whole number that is not negative.
func number[R any](to func(*R) *int64) func(*decoder, *R) string {
	return func(d *decoder, row *R) string {
		n, wrong := d.numberHere()
		if wrong == "" {
			*to(row) = n
		}
		return wrong
	}
}

// count is such a number that is not known until the row gives it.
func count[R any](to func(*R) *evidence.Count) func(*decoder, *R) string {
	return func(d *decoder, row *R) string {
		n, wrong := d.numberHere()
		if wrong == "" {
			*to(row) = evidence.CountOf(n)
		}
		return wrong
	}
}

func answer[R any](to func(*R) *evidence.Answer) func(*decoder, *R) string {
	return func(d *decoder, row *R) string {
		next := d.Peek()
		if next != 't' && next != 'f' {
			return notFlag
		}
		d.Skip()
		*to(row) = evidence.AnswerOf(next == 't')
		return ""
	}
}

// moment is a time in milliseconds since 1970.
func moment[R any](to func(*R) *time.Time) func(*decoder, *R) string {
	return func(d *decoder, row *R) string {
		n, wrong := d.numberHere()
		if wrong != "" {
			return wrong
		}
		t := time.UnixMilli(n).UTC()
		if !plausible(t) {
			return "is no time of our age: " + strconv.FormatInt(n, 10)
		}
		*to(row) = t
		return ""
	}
}

// maxSpan is beyond every time that an array counts down: it keeps what is
// destroyed for 30 days at most.
const maxSpan = 10 * 365 * 24 * time.Hour

// span is a duration in milliseconds.
func span[R any](to func(*R) *time.Duration) func(*decoder, *R) string {
	return func(d *decoder, row *R) string {
		n, wrong := d.numberHere()
		if wrong != "" {
			return wrong
		}
		if n > maxSpan.Milliseconds() {
			return "is too long to be milliseconds: " + strconv.FormatInt(n, 10)
		}
		*to(row) = time.Duration(n) * time.Millisecond
		return ""
	}
}

func serial[R any](to func(*R) *evidence.Serial) func(*decoder, *R) string {
	return func(d *decoder, row *R) string {
		raw, wrong := d.textHere()
		if wrong != "" || d.Err != nil {
			return wrong
		}
		s, err := evidence.ParseSerial(string(raw))
		if err != nil {
			return "is not one: " + strconv.Quote(tidy(string(raw)))
		}
		*to(row) = s
		return ""
	}
}

// initiators is a list of IQNs, NQNs or WWNs, normalised.
func initiators[R any](to func(*R) *[]string) func(*decoder, *R) string {
	return func(d *decoder, row *R) string {
		if d.Peek() != '[' {
			return "is not a list"
		}
		list := []string{}
		wrong := ""
		d.Elements(func() {
			raw, why := d.textHere()
			if why != "" {
				wrong = "holds something that " + why
			}
			if raw == nil {
				d.Skip()
				return
			}
			list = append(list, evidence.Initiator(d.keep(raw)))
		})
		*to(row) = list
		return wrong
	}
}
