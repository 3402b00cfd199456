package array

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	adminUser    = "pureuser"
	readOnlyUser = "viewer"
)

// The gateway in front of the API answers what the array itself does not
// see; its errors have another shape.
const (
	kongForbidden = `{"message":"You do not have permission to access this resource."}` // invented text
	kongTooMany   = `{"message":"API rate limit exceeded"}`                             // that gateway's own text, never seen of a FlashArray
)

// sessions are the logins, by session token.
type sessions struct {
	mu      sync.Mutex
	ids     *rand.Rand
	byToken map[string]*session
	rows    series[*session]
}

type session struct {
	rank
	id            string
	user          string
	began, ended  time.Time
	used          time.Time
	location      string
	authenticated bool
}

// maxSessions bounds the history of logins.
const maxSessions = 10000

// newID is for session tokens and request ids; it takes nothing from the
// ids of the array's objects, which stay the same whoever asks.
func (s *sessions) newID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return (&state{ids: s.ids}).newID()
}

func (a *Array) login(r *http.Request, header http.Header) ([]byte, error) {
	user := map[string]string{a.token: adminUser, a.readOnly: readOnlyUser}[r.Header.Get("api-token")]
	now := a.clock.Now()
	a.sessions.add(&session{user: user, began: now, used: now, location: address(r), authenticated: user != ""}, func(token string) {
		header.Set("x-auth-token", token)
	})
	if user == "" {
		return nil, refuseAll(badToken)
	}
	return []byte(`{"items":[{"username":"` + user + `"}]}`), nil
}

// address is the client's, without its port.
func address(r *http.Request) string {
	host, _, _ := strings.Cut(r.RemoteAddr, ":")
	return host
}

func (s *sessions) add(one *session, granted func(token string)) {
	id, token := s.newID(), s.newID()
	s.mu.Lock()
	defer s.mu.Unlock()
	one.id = id
	one.rank = 1
	if n := len(s.rows.rows); n > 0 {
		one.rank = s.rows.rows[n-1].rank + 1
	}
	s.rows.add(one)
	if len(s.rows.rows) > maxSessions {
		s.rows.rows = slices.Delete(s.rows.rows, 0, 1)
	}
	if !one.authenticated {
		one.ended = one.began
		return
	}
	if s.byToken == nil {
		s.byToken = map[string]*session{}
	}
	s.byToken[token] = one
	granted(token)
}

// use finds the user of a session that has not expired and keeps it alive.
func (s *sessions) use(token string, now time.Time, c *config) (user string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.byToken[token]
	if one == nil {
		return "", false
	}
	since := one.used
	if c.Unverified.AbsoluteSession {
		since = one.began
	}
	if now.Sub(since) >= c.IdleTimeout {
		one.ended = now
		delete(s.byToken, token)
		return "", false
	}
	one.used = now
	return one.user, true
}

func (s *sessions) end(token string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.byToken[token]; one != nil {
		one.ended = now
		delete(s.byToken, token)
	}
}

// ExpireSessions ends all sessions; the next request of each gets a 401.
func (a *Array) ExpireSessions() {
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	for token, one := range a.sessions.byToken {
		one.ended = a.clock.Now()
		delete(a.sessions.byToken, token)
	}
}

// Sessions is the number of sessions that are logged in.
func (a *Array) Sessions() int {
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	return len(a.sessions.byToken)
}

// unauthorized is the body of a 401, which unlike all others has no context.
func (a *Array) unauthorized() []byte {
	b := appendString([]byte(`{"errors":[{"message":"`+badSession+`","location_context":{"name":`), a.options.Name)
	return append(b, `,"id":null,"resource_type":"remote-arrays"}}]}`...)
}

func sessionsResource() *resource[*session] {
	col := func(path string, get func(*session) value) column[*session] {
		return column[*session]{path: path, get: func(_ *call, s *session) value { return get(s) }}
	}
	moment := func(c *call, t time.Time) value {
		if t.IsZero() {
			return nothing()
		}
		return number(t.Unix())
	}
	rows := func(c *call) []*session {
		s := &c.array.sessions
		s.mu.Lock()
		defer s.mu.Unlock()
		copied := make([]*session, len(s.rows.rows))
		for i, one := range s.rows.rows {
			c := *one
			copied[i] = &c
		}
		return copied
	}
	find := func(by func(*session) string) func(*call, string) (*session, error) {
		return func(c *call, n string) (*session, error) {
			for _, s := range rows(c) {
				if by(s) == n {
					return s, nil
				}
			}
			return nil, refuse(noResource, n)
		}
	}
	sessionName := func(s *session) string { return strconv.FormatUint(uint64(s.rank), 10) }
	return &resource[*session]{
		path: "/sessions",
		columns: []column[*session]{
			col("name", func(s *session) value { return str(sessionName(s)) }),
			col("id", func(s *session) value { return str(s.id) }),
			{path: "end_time", get: func(c *call, s *session) value { return moment(c, s.ended) }},
			col("event", func(s *session) value {
				if !s.authenticated {
					return str("failed authentication")
				}
				return str("user session")
			}),
			col("event_count", func(*session) value { return number(1) }),
			col("location", func(s *session) value { return name(s.location) }),
			col("method", func(*session) value { return str("API token") }),
			{path: "start_time", get: func(c *call, s *session) value { return moment(c, s.began) }},
			col("user", func(s *session) value { return name(s.user) }),
			col("user_interface", func(*session) value { return str("REST") }),
		},
		rows: rows, named: find(sessionName), identified: find(func(s *session) string { return s.id }),
	}
}

// commands are the CLI names under which the audit trail records changes.
var commands = map[string]string{
	"/volumes": "purevol", "/volume-snapshots": "purevol", "/connections": "purevol", "/pods": "purepod",
	"/hosts": "purehost", "/host-groups": "purehgroup", "/host-groups/hosts": "purehgroup", "/hosts/host-groups": "purehost",
	"/protection-groups": "purepgroup", "/volumes/protection-groups": "purevol", "/protection-groups/volumes": "purepgroup",
	"/container-default-protections": "purearray",
}

// maxAudits bounds the audit trail.
const maxAudits = 10000

// note records a change in the audit trail.
func (s *state) note(c *call, method, path string) {
	subcommand := map[string]string{"POST": "create", "PATCH": "setattr", "DELETE": "eradicate"}[method]
	switch {
	case path == "/connections" && method == "POST":
		subcommand = "connect"
	case path == "/connections":
		subcommand = "disconnect"
	case path == "/volumes" && method == "POST" && c.body["source"] != nil:
		subcommand = "copy"
	case path == "/volume-snapshots" && method == "POST":
		subcommand = "snap"
	case string(c.body["destroyed"]) == "true":
		subcommand = "destroy"
	case string(c.body["destroyed"]) == "false":
		subcommand = "recover"
	case method == "PATCH" && c.body["name"] != nil:
		subcommand = "rename"
	}
	var arguments []string
	for _, p := range []string{"host_names", "host_group_names", "group_names", "names", "ids", "source_names", "volume_names", "member_names"} {
		arguments = append(arguments, c.query[p]...)
	}
	s.record(audit{
		time: c.now.UnixMilli(), user: c.user, by: "REST",
		command: commands[path], subcommand: subcommand, arguments: strings.Join(arguments, " "),
	})
}

// administrator is who changes the array by hand.
const administrator = "pureuser"

// byHand records what an administrator does without REST.
func (s *state) byHand(now time.Time, subcommand, arguments string) {
	s.record(audit{time: now.UnixMilli(), user: administrator, by: "CLI", command: "purevol", subcommand: subcommand, arguments: arguments})
}

func (s *state) record(row audit) {
	row.rank, row.id = s.next(), s.auditID()
	s.audits.add(&row)
	if len(s.audits.rows) > maxAudits {
		s.audits.rows = slices.Delete(s.audits.rows, 0, 1)
	}
}

// auditID takes nothing from the ids of objects.
func (s *state) auditID() string {
	return (&state{ids: rand.New(rand.NewPCG(s.last, 0x6175646974))}).newID()
}

func auditsResource() *resource[*audit] {
	col := func(path string, get func(*audit) value) column[*audit] {
		return column[*audit]{path: path, get: func(_ *call, a *audit) value { return get(a) }}
	}
	auditName := func(a *audit) string { return strconv.FormatUint(uint64(a.rank), 10) }
	find := func(by func(*audit) string) func(*call, string) (*audit, error) {
		return func(c *call, n string) (*audit, error) {
			for _, a := range c.state.audits.rows {
				if by(a) == n {
					return a, nil
				}
			}
			return nil, refuse(noResource, n)
		}
	}
	return &resource[*audit]{
		path: "/audits",
		columns: []column[*audit]{
			col("name", func(a *audit) value { return str(auditName(a)) }),
			col("id", func(a *audit) value { return str(a.id) }),
			col("arguments", func(a *audit) value { return str(a.arguments) }),
			col("command", func(a *audit) value { return str(a.command) }),
			{path: "origin.name", get: func(c *call, _ *audit) value { return str(c.array.options.Name) }},
			{path: "origin.id", get: func(c *call, _ *audit) value { return str(c.array.options.ID) }},
			col("subcommand", func(a *audit) value { return str(a.subcommand) }),
			col("time", func(a *audit) value { return number(a.time) }),
			col("user", func(a *audit) value { return str(a.user) }),
			col("user_interface", func(a *audit) value { return str(a.by) }),
		},
		rows:  func(c *call) []*audit { return c.state.audits.rows },
		named: find(auditName), identified: find(func(a *audit) string { return a.id }),
	}
}
