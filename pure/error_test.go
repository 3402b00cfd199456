package pure

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/jsonpull"
)

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []Message
	}{
		{"an object", `{"errors":[{"context":"lxd::u-1","message":"Volume does not exist."}]}`, []Message{{"lxd::u-1", "Volume does not exist."}}},
		{"two", `{"errors":[{"context":"a","message":"one"},{"context":"b","message":"two"}]}`, []Message{{"a", "one"}, {"b", "two"}}},
		{"null context", `{"errors":[{"context":null,"message":"Eradication is disabled."}]}`, []Message{{"", "Eradication is disabled."}}},
		{
			"no context but a place",
			`{"errors":[{"message":"Invalid session.","location_context":{"name":"fa-1","id":null,"resource_type":"remote-arrays"}}]}`,
			[]Message{{"fa-1", "Invalid session."}},
		},
		{"a strange context", `{"errors":[{"context":7,"message":"m"}]}`, []Message{{"", "m"}}},
		{"an entry that is text", `{"errors":["what",{"message":"m"}]}`, []Message{{"", "m"}}},
		{"no message in an entry", `{"errors":[{"context":"x"}],"message":"m"}`, []Message{{"", "m"}}},
		{"errors is text", `{"errors":"boom","message":"m"}`, []Message{{"", "m"}}},
		{"the gateway's", `{"message":"API rate limit exceeded"}`, []Message{{"", "API rate limit exceeded"}}},
		{"OAuth", `{"error":"invalid_client","error_description":"Invalid identity: JWT validation failed."}`, []Message{{"invalid_client", "Invalid identity: JWT validation failed."}}},
		{"OAuth, short", `{"error":"invalid_request"}`, []Message{{"", "invalid_request"}}},
		{"a web page", "<html>\n<head><title>502 Bad\nGateway</title></head><body>x</body></html>", []Message{{"", "502 Bad Gateway"}}},
		{"a page without a title", "<html><style>p{}</style><body><h1>No &amp; no</h1><script>x()</script></body></html>", []Message{{"", "No & no"}}},
		{"text", "upstream connect error\n", []Message{{"", "upstream connect error"}}},
		{"half JSON", `{"errors":[{"context":"a","mess`, []Message{{"", `{"errors":[{"context":"a","mess`}}},
		{"a list", `[1]`, []Message{{"", "[1]"}}},
		{"empty", "", nil},
		{"white space", " \n", nil},
		{"control characters", `{"message":"\u001b[31mred\u0007\nand \u202ethis"}`, []Message{{"", "[31mred and this"}}},
		{"not UTF-8", "a\xffb", []Message{{"", "a\uFFFDb"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, refusal([]byte(c.body))); diff != "" {
				t.Error(diff)
			}
		})
	}
	many := `{"errors":[` + strings.Repeat(`{"message":"m"},`, 50) + `{"message":"m"}]}`
	if n := len(refusal([]byte(many))); n != maxMessages+1 {
		t.Errorf("%d messages of 51", n)
	}
	if got := refusal([]byte(strings.Repeat("\u00e9", 5000)))[0].Text; len(got) > maxText+4 || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("a long text became %d bytes", len(got))
	}
}

func TestErrorIsASentence(t *testing.T) {
	for _, c := range []struct {
		name string
		err  *Error
		want string
	}{
		{
			"refused",
			&Error{
				Op: "list volumes", Method: "GET", Path: "/api/2.21/volumes", Status: 400, RequestID: "id", kind: failedStatus,
				Messages: []Message{{"lxd", "Pod does not exist."}, {"", "And more."}},
			},
			"list volumes: GET /api/2.21/volumes: 400 Bad Request: lxd: Pod does not exist.; And more. (request id)",
		},
		{
			"without words",
			&Error{Op: "log in", Method: "POST", Path: "/api/2.21/login", Status: 503, RequestID: "id", kind: failedStatus},
			"log in: POST /api/2.21/login: 503 Service Unavailable (request id)",
		},
		{
			"a status nobody knows",
			&Error{Op: "o", Method: "GET", Path: "/p", Status: 599, RequestID: "id", kind: failedStatus},
			"o: GET /p: 599 (request id)",
		},
		{
			"no answer",
			&Error{Op: "o", Method: "GET", Path: "/p", RequestID: "id", Err: errors.New("connection reset")},
			"o: GET /p: connection reset (request id)",
		},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// Whatever an array does, including sending our own secrets back, they are in
// no error, no hint, no evidence and no log.
func TestSecretsAreNeverTold(t *testing.T) {
	echo := func(r *http.Request) string { return r.Header.Get("Api-Token") + r.Header.Get("X-Auth-Token") }
	answers := map[string]func(http.ResponseWriter, *http.Request){
		"errors": func(w http.ResponseWriter, r *http.Request) {
			refuse(w, 400, fmt.Sprintf(`{"errors":[{"context":%q,"message":%q}]}`, echo(r), "bad "+echo(r)))
		},
		"message": func(w http.ResponseWriter, r *http.Request) { refuse(w, 403, fmt.Sprintf(`{"message":%q}`, echo(r))) },
		"page": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<title>"+echo(r)+"</title>")
		},
		"not JSON": func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, echo(r)) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://user:"+echo(r)+"@"+echo(r)+".example/?t="+echo(r))
			w.WriteHeader(307)
		},
		"broken header": func(w http.ResponseWriter, r *http.Request) {
			conn, buffer, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprintf(buffer, "HTTP/1.1 200 OK\r\n%s\r\n\r\n", echo(r))
			buffer.Flush()
			conn.Close()
		},
		"broken protocol": func(w http.ResponseWriter, r *http.Request) {
			conn, buffer, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprintf(buffer, "%s\r\n\r\n", echo(r))
			buffer.Flush()
			conn.Close()
		},
		"row": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"items":[{"name":1,"serial":%q}]}`, echo(r))
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			for _, at := range []string{"login", "hosts", "volumes", "logout"} {
				s := newStub(t).fill()
				s.before = func(w http.ResponseWriter, r *http.Request, path string, _ int) bool {
					if path == at {
						answer(w, r)
					}
					return path == at
				}
				var told []string
				tell := func(err error) {
					for ; err != nil; err = errors.Unwrap(err) {
						told = append(told, err.Error(), fmt.Sprintf("%+v %#v", err, err), Hint(err))
					}
				}
				r, err := Open(t.Context(), s.access(), testOptions(&waits{}))
				tell(err)
				if err == nil {
					a := r.Observe(t.Context(), []string{"lxd"})
					told = append(told, a.Trouble, a.Hint, a.Hosts.Why(), a.Volumes.Why())
					tell(r.Close(t.Context()))
				}
				for _, text := range told {
					if strings.Contains(text, goodToken) || strings.Contains(text, "session-key-number") {
						t.Errorf("at %s: a secret in %q", at, text)
					}
				}
				if len(told) == 0 {
					t.Errorf("at %s: nothing was told", at)
				}
			}
		})
	}
}

func TestSizesAreBounded(t *testing.T) {
	s := newStub(t).fill()
	r := s.open()
	long := `{"padding":"` + strings.Repeat("x", 1<<20) + `"},`
	s.before = func(w http.ResponseWriter, _ *http.Request, path string, _ int) bool {
		switch path {
		case "hosts":
			fmt.Fprint(w, `{"items":[`)
			for range maxBody>>20 + 1 {
				if _, err := fmt.Fprint(w, long); err != nil {
					break
				}
			}
		case "volumes":
			fmt.Fprintf(w, `{"items":[{"name":"%s`, strings.Repeat("x", 2*jsonpull.MaxRow))
		default:
			return false
		}
		return true
	}
	a := r.Observe(t.Context(), []string{"lxd"})
	if !strings.Contains(a.Hosts.Why(), "larger than 64 MiB") || !strings.Contains(a.Volumes.Why(), "one row of the answer is larger") {
		t.Errorf("hosts: %s\nvolumes: %s", a.Hosts.Why(), a.Volumes.Why())
	}
}
