package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/report"
)

// fromJournal adds to the world what the journal says: which interrupted runs
// left paths offline, for which it is read only where there are any, and what runs
// destroyed. A run reads the latter itself, and refuses where it can't be read.
func (o *common) fromJournal(world *evidence.World, stateDir string) {
	book := journal.Read(stateDir)
	offline := func(d evidence.Disk) bool { return d.State == "offline" }
	if slices.ContainsFunc(world.Hosts, func(h evidence.Host) bool { return slices.ContainsFunc(h.Disks.Items, offline) }) {
		left, err := repair.LeftOffline(book)
		if err != nil {
			o.log().Debug("not all interrupted runs could be read", "error", err)
		}
		world.LeftOffline = left
	}
	if err := repair.FromJournal(book, "", world); err != nil {
		o.log().Debug("not all that runs did could be read", "error", err)
	}
}

// interruptedOf are the interrupted runs of one object, as far as the journal may
// be read. typed is what was asked for, e what is known of it.
func (o *common) interruptedOf(stateDir, typed string, e diagnose.Explanation) []journal.Summary {
	return slices.DeleteFunc(o.interruptedIn(stateDir), func(s journal.Summary) bool { return !sameObject(s.Object, typed, e) })
}

// destroyer is the last run that destroyed an object, as far as the journal may be read.
func destroyer(stateDir, object string) string {
	all, _ := journal.Read(stateDir).List()
	for _, s := range all {
		if s.Kind == journal.KindFix && s.State == journal.Finished && !s.Until.IsZero() && strings.EqualFold(s.Object.Name, object) {
			return s.ID
		}
	}
	return ""
}

func (o *common) tell(s journal.Summary) {
	out := o.beside()
	out.wrapped(clean(interruptedWords(s)), plain)
	if s.State != journal.Damaged {
		out.line("To go on with it:  pureclean runs --resume " + quoteShell(s.ID) + s.Said.ToResume())
	}
	out.line("")
}

// toldRuns adds to a page which runs are not at their end, and what goes on with
// the first. unread is why that is not known.
func toldRuns(page *report.Judged, runs []journal.Summary, unread error) {
	for _, run := range runs {
		page.Runs = append(page.Runs, interruptedWords(run))
	}
	if unread != nil {
		page.Runs = append(page.Runs, "Whether a repair was interrupted is not known: "+unread.Error())
	}
	if len(runs) > 0 && runs[0].State != journal.Damaged {
		page.Resume = "pureclean runs --resume " + quoteShell(runs[0].ID) + runs[0].Said.ToResume()
	}
}

func interruptedWords(s journal.Summary) string {
	if s.State == journal.Damaged {
		return fmt.Sprintf("How far run %s%s came is not known, its journal is damaged: pureclean runs says what to do by hand.", s.ID, ofObject(s.Object.Name))
	}
	return fmt.Sprintf("Run %s of %s was interrupted (%s).", s.ID, s.Object.Name, until(s.Began))
}

// ofObject names what a run was about, where that can be read.
func ofObject(name string) string {
	if name == "" {
		return ""
	}
	return " of " + name
}

// readable refuses a run whose journal is damaged: nobody knows how far it came.
func readable(all []journal.Summary, id string) error {
	for _, s := range all {
		if s.ID == id && s.Damaged != "" {
			return withHint(fmt.Errorf("run %s: %s", id, s.Damaged), "pureclean runs says what to do by hand")
		}
	}
	return nil
}

// interrupted are the runs that somebody has to see to, as far as the
// journal may be read: those that can be gone on with first. Where it may not,
// there may be some, for that reason.
func (o *common) interrupted() ([]journal.Summary, error) {
	from, err := o.sources()
	if err != nil {
		return nil, nil // it was told when the witnesses were asked
	}
	return o.unfinished(from.config.StateDir)
}

func (o *common) interruptedIn(stateDir string) []journal.Summary {
	all, err := o.unfinished(stateDir)
	if err != nil {
		o.log().Debug("the journal could not be read", "error", err)
	}
	return all
}

func (o *common) unfinished(stateDir string) ([]journal.Summary, error) {
	all, err := journal.Read(stateDir).List()
	now := o.now()
	all = slices.DeleteFunc(all, func(s journal.Summary) bool { return !resumable(s.State, s.Kind) && !s.Unsettled(now) })
	slices.SortStableFunc(all, func(a, b journal.Summary) int {
		return cmp.Compare(howMany(a.State == journal.Damaged), howMany(b.State == journal.Damaged))
	})
	return all, err
}

// resumable reports a run that somebody has to go on with. An eradication that was
// stopped is asked for again, and leaves nothing that could be finished or taken
// back: what it is of is destroyed, or gone.
func resumable(state journal.State, kind journal.Kind) bool {
	return state == journal.Interrupted && kind != journal.KindEradicate
}

// sameObject goes by the array's id where both have one: names are given
// again.
func sameObject(run journal.Object, typed string, e diagnose.Explanation) bool {
	if run.ID != "" && e.VolumeID != "" {
		return run.ID == e.VolumeID
	}
	return run.Name != "" && (run.Name == typed || run.Name == e.Object)
}
