package repair

import (
	"errors"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// LeftOffline are the paths that interrupted runs have set offline, as far as
// the journal says. A run that a process is at is not interrupted. What can't
// be read is left out and told in the error: it is words for people that are
// missing, and no evidence.
func LeftOffline(book *journal.Book) ([]evidence.LeftOffline, error) {
	all, err := book.List()
	if err != nil {
		return nil, err
	}
	var left []evidence.LeftOffline
	var failed []error
	for _, s := range all {
		if s.State != journal.Interrupted {
			continue
		}
		history, err := book.Read(s.ID)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		r, _, err := Tools{}.withDefaults().restored(history)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		for member, released := range r.released {
			for _, disk := range released.Offline {
				path := evidence.LeftOffline{
					Run: s.ID, Host: member, Boot: released.Boot, Disk: disk.Name, Serial: disk.Serial,
				}
				if disk.Seq > 0 { // else the kernel gave none
					path.Seq = evidence.CountOf(disk.Seq)
				}
				left = append(left, path)
			}
		}
	}
	return left, errors.Join(failed...)
}
