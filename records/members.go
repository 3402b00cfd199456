package records

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// memberRow is what is read of a cluster member.
type memberRow struct {
	Name    string `json:"server_name"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

func (r *Reader) members(ctx context.Context) reply[[]memberRow] {
	return get[[]memberRow](ctx, r, "/1.0/cluster/members?recursion=1")
}

// online is what LXD's word for a member's state says of it. A member that was
// evacuated is called so even when it has been switched off since: LXD looks
// at the heartbeat only of those that are not.
var online = map[string]evidence.Answer{
	"Online":  evidence.Yes,
	"Offline": evidence.No,
	"Blocked": evidence.No,
}

// isMember reports whether the cluster has a member of that name.
func (a *answers) isMember(name string) bool {
	return slices.ContainsFunc(a.members.value, func(m memberRow) bool { return m.Name == name })
}

// location gives the name of a server where LXD writes "none" outside a
// cluster.
func (a *answers) location(name string) string {
	return location(name, a.server.value.clustered(), a.server.value.name())
}

func location(name string, clustered evidence.Answer, server string) string {
	if (name == none || name == "") && clustered.IsNot() {
		return server
	}
	return name
}

// others are the members to ask for their own configuration: all but the one
// that answers already, and those that LXD knows to be away.
func (a *answers) others() []string {
	var names []string
	for _, row := range a.members.value {
		if row.Name != "" && row.Name != a.server.value.Environment.Name && !online[row.Status].IsNot() {
			names = append(names, row.Name)
		}
	}
	return names
}

// memberList judges the members' rows, and what came of asking each of them.
func (a *answers) memberList(d *doubts) []evidence.Member {
	items := []evidence.Member{}
	self := a.server.value.name()
	switch clustered := a.server.value.clustered(); {
	case a.server.err != nil:
		d.fail(a.server.err)
		return items
	case self == "":
		d.add("LXD does not say what it is called")
		return items
	case clustered.IsNot():
		return append(items, evidence.Member{Name: self, Online: evidence.Yes, Status: "Online", Message: "not a cluster", PID: a.server.value.Environment.PID})
	case !clustered.Is():
		d.add("LXD does not say whether it is part of a cluster")
		return items
	}
	d.fail(a.members.err)
	for _, row := range a.members.value {
		if row.Name == "" {
			d.add("a member of the cluster has no name")
		}
		items = append(items, a.member(row))
	}
	if a.members.err == nil && !a.isMember(self) {
		d.add("the member that answers, %q, is not in the list", self)
	}
	return items
}

func (a *answers) member(row memberRow) evidence.Member {
	m := evidence.Member{Name: row.Name, Online: online[row.Status], Status: row.Status, Message: row.Message}
	if m.Online.IsNot() {
		return m
	}
	// What LXD says of a member is as old as its last heartbeat; that it
	// answered us is not.
	if err := a.config(row.Name).err; err != nil {
		m.Online = evidence.Unknown
		m.Message = strings.TrimPrefix(m.Message+"; it was asked and did not answer: "+err.Error(), "; ")
		return m
	}
	m.PID = a.config(row.Name).value.Environment.PID
	if row.Status != "" {
		m.Online = evidence.Yes
	}
	return m
}

// isDown reports a member that the operator says is down, and LXD too.
func (a *answers) isDown(m evidence.Member) bool {
	return m.Online.IsNot() && slices.Contains(a.down, m.Name)
}

// errNotAsked stands for the answer of a member that LXD calls away.
var errNotAsked = errors.New("it was not asked")

// config is a member's own answer to GET /1.0.
func (a *answers) config(member string) reply[serverRow] {
	if member == a.server.value.name() {
		return a.server
	}
	got, asked := a.servers[member]
	if !asked {
		return reply[serverRow]{err: errNotAsked}
	}
	return got
}

// daemonVolumes reads from every member's configuration which volumes its LXD
// uses for itself: storage.images_volume, storage.backups_volume, and the same
// for each project.
func (a *answers) daemonVolumes(members evidence.List[evidence.Member], d *doubts) []evidence.DaemonVolume {
	items := []evidence.DaemonVolume{}
	if !members.IsComplete() {
		d.add("the list of members is not complete")
	}
	for _, member := range members.Items {
		got := a.config(member.Name)
		if a.isDown(member) {
			continue
		}
		if got.err != nil {
			d.add("the configuration of member %q could not be read: %v", member.Name, got.err)
			continue
		}
		if got.value.Config == nil {
			d.add("LXD does not show us the configuration of %q", member.Name)
			d.advise(Hint(errForbidden))
		}
		for _, key := range slices.Sorted(maps.Keys(got.value.Config)) {
			if !strings.HasPrefix(key, "storage.") || !strings.HasSuffix(key, "_volume") {
				continue
			}
			value := got.value.Config[key]
			if value == "" {
				continue
			}
			text, _ := value.(string)
			pool, volume, _ := strings.Cut(text, "/")
			if pool == "" || volume == "" {
				d.add("%s of %q is not POOL/VOLUME but %q", key, member.Name, fmt.Sprint(value))
			}
			items = append(items, evidence.DaemonVolume{Member: member.Name, Key: key, Pool: pool, Volume: volume})
		}
	}
	return items
}
