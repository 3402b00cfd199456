package pure

import (
	"cmp"
	"context"

	"github.com/pureclean/pureclean/evidence"
)

var ports = resource[evidence.Port]{
	path: "ports",
	columns: []column[evidence.Port]{
		{name: "name", need: required, read: plainText(func(p *evidence.Port) *string { return &p.Name })},
		{name: "portal", need: present, read: plainText(func(p *evidence.Port) *string { return &p.Portal })},
		{name: "iqn", need: present, read: shared(func(p *evidence.Port) *string { return &p.IQN })},
		{name: "nqn", need: present, read: shared(func(p *evidence.Port) *string { return &p.NQN })},
		{name: "wwn", need: present, read: plainText(func(p *evidence.Port) *string { return &p.WWN })},
	},
	label:    func(p *evidence.Port) string { return p.Name },
	identity: func(p *evidence.Port) [3]string { return [3]string{p.Name, p.Portal, cmp.Or(p.IQN, p.NQN, p.WWN)} },
	// This list has a token in newer versions only.
	byOffset: true,
}

// adminRow is one user and what that user may do.
type adminRow struct{ Name, Role string }

var admins = resource[adminRow]{
	path: "admins",
	columns: []column[adminRow]{
		{name: "name", need: required, read: plainText(func(r *adminRow) *string { return &r.Name })},
		{name: "role", inside: []column[adminRow]{
			{name: "name", read: plainText(func(r *adminRow) *string { return &r.Role })},
		}},
	},
	label:    func(r *adminRow) string { return r.Name },
	identity: func(r *adminRow) [3]string { return [3]string{r.Name} },
	byOffset: true,
}

// About adds to what Observe said of the array what only advice rests on: its
// target ports, and whose token this is. It costs two or three requests, and
// what can't be read stays unknown: no verdict about a volume needs it.
func (r *Reader) About(ctx context.Context, a *evidence.Array) {
	r.session.resume()
	r.ports(ctx, a)
	a.User = r.session.user
	if a.User != "" {
		// A user without much of a role may be refused this list; that is no
		// trouble, only an answer less. The list is short, so it is not
		// filtered: nobody's name is written into a filter.
		rows, _ := list(ctx, r.session, question[adminRow]{resource: &admins})
		for _, row := range rows.Items {
			if row.Name == a.User {
				a.Role = row.Role
			}
		}
	}
	r.count(a)
}

// Ports adds the array's target ports alone.
func (r *Reader) Ports(ctx context.Context, a *evidence.Array) {
	r.session.resume()
	r.ports(ctx, a)
	r.count(a)
}

func (r *Reader) ports(ctx context.Context, a *evidence.Array) {
	if !a.Ports.IsComplete() {
		a.Ports, _ = list(ctx, r.session, question[evidence.Port]{resource: &ports}) // the list has the error's words
	}
}

// count adds the requests since the last count. What is asked for beside the
// lists does not change when these had ended: LXD was asked after them.
func (r *Reader) count(a *evidence.Array) {
	sent := r.session.wire.requests.Load()
	a.Requests += int(sent - r.counted)
	r.counted = sent
}
