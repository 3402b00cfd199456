package pure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

const (
	// maxTrailVolumes is how many volumes are asked for at once.
	maxTrailVolumes = 16
	// maxTrails is how many volumes are asked for at all: where more have no
	// record, something else is wrong than a few failures of LXD.
	maxTrails = 128
)

// auditRow is one command that was run on the array.
type auditRow struct {
	evidence.Deed
	ID, Command, Arguments string
}

var audits = resource[auditRow]{
	path: "audits",
	columns: []column[auditRow]{
		{name: "id", need: required, read: plainText(func(r *auditRow) *string { return &r.ID })},
		{name: "time", need: required, read: moment(func(r *auditRow) *time.Time { return &r.At })},
		{name: "command", need: required, read: shared(func(r *auditRow) *string { return &r.Command })},
		{name: "subcommand", need: required, read: shared(func(r *auditRow) *string { return &r.Verb })},
		{name: "arguments", need: present, read: plainText(func(r *auditRow) *string { return &r.Arguments })},
		{name: "user", need: present, read: shared(func(r *auditRow) *string { return &r.User })},
		{name: "user_interface", need: present, read: shared(func(r *auditRow) *string { return &r.Interface })},
	},
	label:    func(r *auditRow) string { return strings.TrimSpace(r.Command + " " + r.Verb + " " + r.Arguments) },
	identity: func(r *auditRow) [3]string { return [3]string{r.ID} },
}

// verbs are the words of the array's commands that are told apart. Volumes are
// made by create alone; a copy has what its original had.
var verbs = map[string]string{
	"purevol create": evidence.DeedCreate, "purevol connect": evidence.DeedConnect, "purehost connect": evidence.DeedConnect,
	"purevol disconnect": evidence.DeedDisconnect, "purehost disconnect": evidence.DeedDisconnect,
	"purevol destroy": evidence.DeedDestroy, "purevol recover": evidence.DeedRecover, "purevol eradicate": evidence.DeedEradicate,
	"purevol copy": evidence.DeedCopy, "purevol snap": evidence.DeedCopy, "purevol rename": evidence.DeedRename, "purevol move": evidence.DeedRename,
}

// Trails asks the array's audit trail for the commands that name one of the
// volumes, by name or by id. An array that keeps no trail for us, because the
// token may not read it or the version has none, gives nothing: no answer here
// is trouble. One that fails on the way gives trails that are not complete.
func (r *Reader) Trails(ctx context.Context, volumes []evidence.Volume) []evidence.Trail {
	r.session.resume()
	var trails []evidence.Trail
	for chunk := range slices.Chunk(volumes[:min(len(volumes), maxTrails)], maxTrailVolumes) {
		var terms []string
		for _, v := range chunk {
			for _, word := range []string{v.Name, v.ID} {
				if word != "" && !strings.ContainsAny(word, `'\`) {
					terms = append(terms, fmt.Sprintf("contains(arguments,'%s')", word))
				}
			}
		}
		rows, err := list(ctx, r.session, question[auditRow]{
			resource: &audits, filter: strings.Join(terms, " or "),
			// A filter that is looser than asked brings the rows of others.
			ours: func(row *auditRow) bool {
				return row.Arguments == "" || slices.ContainsFunc(chunk, func(v evidence.Volume) bool { return names(row.Arguments, v) })
			},
		})
		if refused := (*Error)(nil); errors.As(err, &refused) && refusesTrail(refused.Status) {
			return nil
		}
		for _, v := range chunk {
			trails = append(trails, trailOf(v, rows))
		}
	}
	return r.reachBack(ctx, volumes, trails)
}

// reachBack adds how far back the array's trail reaches, where that is not plain
// from what was told: it costs a request, and is asked for nothing else. A trail
// without a single row, of anything, is none.
func (r *Reader) reachBack(ctx context.Context, volumes []evidence.Volume, trails []evidence.Trail) []evidence.Trail {
	since := time.Time{}
	for _, t := range trails {
		for _, d := range t.Deeds.Items {
			if since.IsZero() || d.At.Before(since) {
				since = d.At
			}
		}
	}
	beyond := func(v evidence.Volume) bool { return !v.Created.IsZero() && (since.IsZero() || since.After(v.Created)) }
	if slices.ContainsFunc(volumes, beyond) {
		oldest, err := list(ctx, r.session, question[auditRow]{resource: &audits, firstBy: "time"})
		switch {
		case err != nil || !oldest.IsComplete():
			return trails
		case len(oldest.Items) == 0 && since.IsZero():
			return nil
		case len(oldest.Items) != 1 || oldest.Items[0].At.IsZero():
			return trails
		}
		if at := oldest.Items[0].At; since.IsZero() || at.Before(since) {
			since = at
		}
	}
	for i := range trails {
		trails[i].Since = since
	}
	return trails
}

// refusesTrail reports an answer by which the array keeps its trail from us:
// no right to it, no such list, or a filter that this version does not know.
func refusesTrail(status int) bool {
	return status == http.StatusForbidden || status == http.StatusNotFound || status == http.StatusBadRequest
}

func trailOf(v evidence.Volume, rows evidence.List[auditRow]) evidence.Trail {
	own := []evidence.Deed{}
	for _, row := range rows.Items {
		if !names(row.Arguments, v) {
			continue
		}
		d := row.Deed
		d.Verb = cmp.Or(verbs[strings.ToLower(row.Command+" "+row.Verb)], evidence.DeedOther)
		if d.Verb == evidence.DeedConnect || d.Verb == evidence.DeedDisconnect {
			d.Hosts = hostsIn(row.Arguments, v)
		}
		own = append(own, d)
	}
	slices.SortStableFunc(own, func(a, b evidence.Deed) int { return a.At.Compare(b.At) })
	trail := evidence.Trail{VolumeID: v.ID, Deeds: evidence.Complete(own)}
	if why := rows.Why(); why != "" {
		trail.Deeds = trail.Deeds.Doubt(why)
	}
	return trail
}

// names reports a command whose words have a volume's name or id among them,
// or that of a snapshot of it. Names are not told apart by case.
func names(arguments string, v evidence.Volume) bool {
	for word := range strings.FieldsFuncSeq(arguments, func(r rune) bool { return strings.ContainsRune(" \t,;='\"", r) }) {
		if strings.EqualFold(word, v.Name) || strings.EqualFold(word, v.ID) || (len(word) > len(v.Name) && strings.EqualFold(word[:len(v.Name)+1], v.Name+".")) {
			return true
		}
	}
	return false
}

// noHost are options of connect and disconnect whose value names no host.
var noHost = []string{"lun", "luns", "protocol"}

// hostsIn are the array hosts and host groups that a connect or disconnect of a
// volume names. How an array words these of REST's has not been seen, so it is
// what is left when all that is certainly something else is taken away: the
// volumes, ids, numbers, options, and what belongs to those.
func hostsIn(arguments string, v evidence.Volume) []string {
	var hosts []string
	option := ""
	for field := range strings.FieldsSeq(arguments) {
		key, value, both := strings.Cut(field, "=")
		if isOption := strings.HasPrefix(field, "-"); isOption || both {
			if option = strings.ToLower(strings.TrimLeft(key, "-")); !both {
				continue
			}
			field = value
		}
		skip := slices.Contains(noHost, option)
		option = ""
		for word := range strings.FieldsFuncSeq(field, func(r rune) bool { return strings.ContainsRune(",;'\"[]{}()", r) }) {
			if !skip && !strings.Contains(word, "::") && !strings.EqualFold(word, v.Name) && !isID(word) && !slices.Contains(hosts, word) {
				hosts = append(hosts, word)
			}
		}
	}
	return hosts
}

// isID reports a number, or what the array gives its objects as an id.
func isID(word string) bool {
	return strings.Trim(word, "0123456789") == "" ||
		(len(word) == 36 && strings.Count(word, "-") == 4 && strings.Trim(strings.ToLower(word), "0123456789abcdef-") == "")
}
