package pure

import (
	"cmp"
	"context"

	"github.com/pureclean/pureclean/evidence"
)

// otherColumns are what volumes and snapshots have in common.
var otherColumns = []column[evidence.Other]{
	{name: "id", need: required, read: plainText(func(o *evidence.Other) *string { return &o.ID })},
	{name: "name", need: required, read: plainText(func(o *evidence.Other) *string { return &o.Name })},
	{name: "serial", need: required, read: serial(func(o *evidence.Other) *evidence.Serial { return &o.Serial })},
	{name: "destroyed", need: required, read: answer(func(o *evidence.Other) *evidence.Answer { return &o.Destroyed })},
}

func others(path string) *resource[evidence.Other] {
	return &resource[evidence.Other]{
		path: path, columns: otherColumns,
		label:    func(o *evidence.Other) string { return cmp.Or(o.Name, o.ID) },
		identity: func(o *evidence.Other) [3]string { return [3]string{o.ID} },
	}
}

// Elsewhere reads every volume of the array, in whatever pod or group or in
// none, live or destroyed, without those whose ids are known. No filter is
// trusted with it: that the list is complete is proven like that of any other.
func (r *Reader) Elsewhere(ctx context.Context, known map[string]bool) evidence.List[evidence.Other] {
	return r.others(ctx, "volumes", known)
}

// ElsewhereSnapshots is Elsewhere for snapshots.
func (r *Reader) ElsewhereSnapshots(ctx context.Context, known map[string]bool) evidence.List[evidence.Other] {
	return r.others(ctx, "volume-snapshots", known)
}

func (r *Reader) others(ctx context.Context, path string, known map[string]bool) evidence.List[evidence.Other] {
	rows, _ := list(ctx, r.session, question[evidence.Other]{ // an error is in the list's reason, and the list incomplete
		resource: others(path),
		ours:     func(o *evidence.Other) bool { return o.ID == "" || !known[o.ID] },
	})
	return rows
}
