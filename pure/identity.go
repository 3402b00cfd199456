package pure

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// OtherArrayError is an array that answered in the place of the expected one.
type OtherArrayError struct {
	// Expected is the id in Access; ID and Name are of the one that answered.
	Expected, ID, Name string
}

func (e *OtherArrayError) Error() string {
	return fmt.Sprintf("array %s was expected, and another one answered: %s (%s)", e.Expected, e.ID, e.Name)
}

func (e *OtherArrayError) advice() string {
	return "find out where the array's address leads now; if this is the right one, give its id as pools.POOL.array.id in the configuration"
}

// expect refuses every array but the one with that id; an empty id is any.
func (s *session) expect(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	row, err := s.itself(ctx)
	if err == nil && !strings.EqualFold(row.ID, id) {
		err = &OtherArrayError{Expected: id, ID: row.ID, Name: row.Name}
	}
	return err
}

// itself is the row of the array that answers. There is one; more would be a
// fleet in which it can't be told who that is. With an error the row holds
// what could be read.
func (s *session) itself(ctx context.Context) (arrayRow, error) {
	rows, err := list(ctx, s, question[arrayRow]{resource: &arrays})
	switch {
	case err != nil:
	case !rows.IsComplete():
		err = errors.New(rows.Why())
	case len(rows.Items) != 1:
		return arrayRow{}, fmt.Errorf("the array should describe itself once, not %d times", len(rows.Items))
	}
	if len(rows.Items) != 1 {
		return arrayRow{}, err
	}
	return rows.Items[0], err
}
