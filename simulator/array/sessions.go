package array

import (
	"math/rand/v2"
	"net/http"
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
}

type session struct {
	user        string
	began, used time.Time
}

// newID is for session tokens and request ids; it takes nothing from the
// ids of the array's objects, which stay the same whoever asks.
func (s *sessions) newID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return (&state{ids: s.ids}).newID()
}

func (a *Array) login(r *http.Request, header http.Header) ([]byte, error) {
	user := map[string]string{a.token: adminUser, a.readOnly: readOnlyUser}[r.Header.Get("api-token")]
	if user == "" {
		return nil, refuseAll(badToken)
	}
	now, token := a.clock.Now(), a.sessions.newID()
	header.Set("x-auth-token", token)
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	a.sessions.byToken[token] = &session{user: user, began: now, used: now}
	return []byte(`{"items":[{"username":"` + user + `"}]}`), nil
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
	if now.Sub(since) >= idleTimeout {
		delete(s.byToken, token)
		return "", false
	}
	one.used = now
	return one.user, true
}

func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byToken, token)
}

// ExpireSessions ends all sessions; the next request of each gets a 401.
func (a *Array) ExpireSessions() {
	a.sessions.mu.Lock()
	defer a.sessions.mu.Unlock()
	clear(a.sessions.byToken)
}

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

// commands are the CLI names under which the audit trail records changes.
var commands = map[string]string{
	"/volumes": "purevol", "/volume-snapshots": "purevol", "/connections": "purevol", "/pods": "purepod",
	"/hosts": "purehost", "/protection-groups": "purepgroup", "/container-default-protections": "purearray",
}

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
	}
	var arguments []string
	for _, p := range []string{"host_names", "names", "ids", "source_names", "volume_names"} {
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
}

// auditID takes nothing from the ids of objects.
func (s *state) auditID() string {
	return (&state{ids: rand.New(rand.NewPCG(s.last, 0x6175646974))}).newID()
}

func auditsEndpoint() endpoint {
	r := &resource[*audit]{path: "/audits", rows: func(c *call) []*audit { return c.state.audits.rows }}
	r.columns = []column[*audit]{
		col("name", func(a *audit) value { return str(strconv.FormatUint(uint64(a.rank), 10)) }),
		col("id", func(a *audit) value { return str(a.id) }),
		col("arguments", func(a *audit) value { return str(a.arguments) }),
		col("command", func(a *audit) value { return str(a.command) }),
		{path: "origin.name", get: func(c *call, _ *audit) value { return str(c.array.options.Name) }},
		{path: "origin.id", get: func(c *call, _ *audit) value { return str(c.array.options.ID) }},
		col("subcommand", func(a *audit) value { return str(a.subcommand) }),
		col("time", func(a *audit) value { return number(a.time) }),
		col("user", func(a *audit) value { return str(a.user) }),
		col("user_interface", func(a *audit) value { return str(a.by) }),
	}
	return r.only()
}
