package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/repair"
)

// databaseDoubt is what speaks against a finding that rests on the operator's
// word for LXD's database, or for what somebody brought back; empty where it
// does not.
func databaseDoubt(f diagnose.Finding) string {
	var doubts []string
	for _, g := range f.Gates {
		if (g.Gate == "explained" || g.Gate == "pod-ownership") && g.Result == diagnose.Waived {
			doubts = append(doubts, g.Why)
		}
	}
	return strings.Join(doubts, "; ")
}

// answersForDatabase shows what speaks against LXD's database, and asks once
// more. With --yes the flag itself, for this one volume, is the answer.
func (o *fixOptions) answersForDatabase(ctx context.Context, plan repair.Plan) error {
	if o.doubt == "" {
		return nil
	}
	text, question := "You answer for LXD's database: volumes that were made after a backup look just like this one.",
		"Is LXD's database the true history of pool "+clean(plan.Pool)+", and not from a backup?"
	if o.evenIfRecovered {
		text, question = "Somebody recovered it, and may want to keep it.", "Is it certain that nobody wants "+clean(plan.Object)+" any more?"
		if o.databaseIsCurrent {
			question += " And is LXD's database the true history of its pool?"
		}
	}
	out := o.beside()
	out.wrapped(text, out.warning)
	out.wrapped(clean(o.doubt), out.warning)
	if o.yes {
		return nil
	}
	out.wrapped(question, out.bold)
	fmt.Fprint(o.Err, "     [type yes] ")
	line, err := o.answers().next(ctx)
	if errors.Is(err, io.EOF) {
		err = &repair.DeclinedError{Step: "answering for it", Reply: repair.Quit}
	}
	if err != nil {
		fmt.Fprintln(o.Err)
		return err
	}
	if !strings.EqualFold(line, "yes") {
		return &repair.DeclinedError{Step: "answering for it", Reply: repair.No}
	}
	return nil
}
