package pure

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

const (
	// maxFilterSerials is how many serials are asked for at once.
	maxFilterSerials = 48
	// maxAskedSerials is from where on reading all volumes is cheaper.
	maxAskedSerials = 8 * maxFilterSerials
)

var lookups = resource[evidence.Lookup]{
	path: "volumes",
	columns: []column[evidence.Lookup]{
		{name: "id", need: required, read: plainText(func(l *evidence.Lookup) *string { return &l.VolumeID })},
		{name: "name", need: required, read: plainText(func(l *evidence.Lookup) *string { return &l.Name })},
		{name: "serial", need: required, read: serial(func(l *evidence.Lookup) *evidence.Serial { return &l.Serial })},
		{name: "destroyed", need: required, read: answer(func(l *evidence.Lookup) *evidence.Answer { return &l.Destroyed })},
	},
	check:    func(_ *decoder, l *evidence.Lookup) { l.Found = evidence.Yes },
	label:    func(l *evidence.Lookup) string { return cmp.Or(l.Name, l.VolumeID) },
	identity: func(l *evidence.Lookup) [3]string { return [3]string{l.VolumeID} },
}

// Lookup asks the whole array, not only our pods, for volumes by serial. The
// answers are in the order of the serials, each once; a serial that is not
// one stays unknown.
//
// That a filter brings nothing does not prove that there is nothing: filters
// have been wrong before. So the serials of two volumes that are known to
// exist are asked for along with the others, one before and one after them,
// and the answer is believed only if it has both. Otherwise all volumes are
// read.
func (r *Reader) Lookup(ctx context.Context, serials []evidence.Serial) []evidence.Lookup {
	answers := make([]evidence.Lookup, 0, len(serials))
	place := map[evidence.Serial]int{}
	var asked []evidence.Serial
	for _, s := range serials {
		if _, again := place[s]; again {
			continue
		}
		place[s] = len(answers)
		answers = append(answers, evidence.Lookup{Serial: s})
		if valid, err := evidence.ParseSerial(string(s)); err == nil && valid == s {
			asked = append(asked, s)
		}
	}
	if len(asked) == 0 {
		return answers
	}
	found := r.find(ctx, asked)
	for _, s := range asked {
		if answer, ok := found[s]; ok {
			answers[place[s]] = answer
		}
	}
	return answers
}

// find returns what is known of the serials; one that is not in the result
// could not be told.
func (r *Reader) find(ctx context.Context, serials []evidence.Serial) map[evidence.Serial]evidence.Lookup {
	if len(r.controls) == 2 && len(serials) <= maxAskedSerials {
		if found, ok := r.findByFilter(ctx, serials); ok {
			return found
		}
	}
	wanted := map[evidence.Serial]bool{}
	for _, s := range serials {
		wanted[s] = true
	}
	rows, _ := list(ctx, r.session, question[evidence.Lookup]{
		resource: &lookups,
		ours:     func(l *evidence.Lookup) bool { return l.Serial == "" || wanted[l.Serial] },
	}) // an error is in the list's reason, and the list incomplete
	return conclude(serials, rows)
}

func (r *Reader) findByFilter(ctx context.Context, serials []evidence.Serial) (map[evidence.Serial]evidence.Lookup, bool) {
	all := map[evidence.Serial]evidence.Lookup{}
	for chunk := range slices.Chunk(serials, maxFilterSerials) {
		terms := []string{term(r.controls[0])}
		for _, s := range chunk {
			terms = append(terms, term(s))
		}
		terms = append(terms, term(r.controls[1]))
		rows, err := list(ctx, r.session, question[evidence.Lookup]{
			resource: &lookups, filter: strings.Join(terms, " or "),
		})
		if err != nil {
			return nil, false
		}
		for _, control := range r.controls {
			if !slices.ContainsFunc(rows.Items, func(l evidence.Lookup) bool { return l.Serial == control }) {
				return nil, false
			}
		}
		for s, l := range conclude(chunk, rows) {
			all[s] = l
		}
	}
	return all, true
}

func term(s evidence.Serial) string { return fmt.Sprintf("serial='%s'", s) }

// conclude says of each serial that it was found, or, when the list is
// complete, that it was not.
func conclude(serials []evidence.Serial, rows evidence.List[evidence.Lookup]) map[evidence.Serial]evidence.Lookup {
	found := map[evidence.Serial]evidence.Lookup{}
	for _, row := range rows.Items {
		found[row.Serial] = row
	}
	answers := map[evidence.Serial]evidence.Lookup{}
	for _, s := range serials {
		if row, ok := found[s]; ok {
			answers[s] = row
		} else if rows.IsComplete() {
			answers[s] = evidence.Lookup{Serial: s, Found: evidence.No}
		}
	}
	return answers
}

// controls picks two volumes that exist, far from each other in the list.
func controls(volumes []evidence.Volume) []evidence.Serial {
	var known []evidence.Serial
	for i := range volumes {
		if volumes[i].Serial != "" {
			known = append(known, volumes[i].Serial)
			break
		}
	}
	for _, v := range slices.Backward(volumes) {
		if len(known) == 1 && v.Serial != "" && v.Serial != known[0] {
			return append(known, v.Serial)
		}
	}
	return nil
}
