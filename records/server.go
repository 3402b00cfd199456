package records

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/canonical/lxd/shared/api"
	"github.com/pureclean/pureclean/evidence"
)

// serverRow is what is read of GET /1.0: who answers, what it can do, how it
// knows us, and its configuration.
type serverRow struct {
	Version    string   `json:"api_version"`
	Extensions []string `json:"api_extensions"`
	// Auth is trusted or untrusted; Method is how LXD came to know us, "unix"
	// for its own socket.
	Auth   string `json:"auth"`
	Method string `json:"auth_user_method"`
	// Config is null for those who may not change it.
	Config      map[string]any `json:"config"`
	Environment struct {
		Server    string `json:"server"`
		Name      string `json:"server_name"`
		Version   string `json:"server_version"`
		Clustered *bool  `json:"server_clustered"`
		PID       int64  `json:"server_pid"`
	} `json:"environment"`
}

// has reports an API extension.
func (s serverRow) has(extension string) bool { return slices.Contains(s.Extensions, extension) }

func (s serverRow) clustered() evidence.Answer {
	if s.Environment.Clustered == nil {
		return evidence.Unknown
	}
	return evidence.AnswerOf(*s.Environment.Clustered)
}

// none is what LXD calls a server outside a cluster in places where a member's
// name would stand.
const none = "none"

// name is the server's own name: the member's, or outside a cluster the host's.
func (s serverRow) name() string {
	if s.Environment.Name == none {
		return ""
	}
	return s.Environment.Name
}

// server asks who is there; member is the cluster member to ask, empty for the
// one that answers.
func (r *Reader) server(ctx context.Context, member string) reply[serverRow] {
	u := api.NewURL().Path("1.0").Target(member)
	got := get[serverRow](ctx, r, u.String())
	switch {
	case got.err != nil && !knownTrouble(got.err):
		// Half an answer may be LXD's; an answer of another kind is not.
		got.err = fmt.Errorf("%w: %w", errNotLXD, got.err)
	case got.err != nil:
	case got.value.Version != "1.0":
		got.err = fmt.Errorf("%w: it speaks API version %q", errNotLXD, got.value.Version)
	case got.value.Auth == "trusted" && got.value.Environment.Server != "lxd":
		got.err = fmt.Errorf("%w: it calls itself %q", errNotLXD, got.value.Environment.Server)
	}
	return got
}

// knownTrouble reports an error that an LXD may well answer with.
func knownTrouble(err error) bool {
	return hopeless(err) || api.StatusErrorCheck(err) || errors.Is(err, io.ErrUnexpectedEOF)
}

// needs are the API extensions without which a list is not whole, however well
// LXD answers. The first LXD with the pure driver has them all.
var needs = []struct{ extension, list, why string }{
	{"storage_volatile_uuid", listRecords, "records without volatile.uuid can't be joined to the array's volumes"},
	{"storage_volumes_all_projects", listRecords, "volumes of other projects than default are not shown"},
	{"instance_all_projects", listInstances, "instances of other projects than default are not shown"},
	{"operations_get_query_all_projects", listOperations, "operations of other projects than default are not shown"},
}

// extensionDoubts adds to each list which extensions it would need.
func (a *answers) extensionDoubts(lists map[string]*doubts) {
	if a.server.err != nil {
		return // rights says so
	}
	for _, need := range needs {
		if !a.server.value.has(need.extension) {
			d := lists[need.list]
			d.add("LXD %s lacks the API extension %s: %s", a.server.value.Environment.Version, need.extension, need.why)
			d.advise(updateHint)
		}
	}
}

const updateHint = "update LXD: 5.21.4 and 6.3 are the first releases with the pure driver"
