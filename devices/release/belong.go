package release

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/pureclean/pureclean/evidence"
)

var (
	scsiAddress = regexp.MustCompile(`^\d+:\d+:\d+:\d+$`)
	scsiName    = regexp.MustCompile(`^sd[a-z]+$`)
)

// Of refuses a Released that names anything of another volume than serial. It
// was written to a file, or sent by another machine, since it was made, and
// each write that follows from it must be one to the volume that the operator,
// sudo and the journal know of.
func (d *Released) Of(serial evidence.Serial) error {
	if d.Serial != "" && d.Serial != serial {
		return fmt.Errorf("%w: what was released is another volume, %.40q, and not %s", ErrRefused, d.Serial, serial)
	}
	for _, m := range d.Maps {
		if m.UUID != serial.MapUUID() {
			return fmt.Errorf("%w: the map %.60q that was released is not one of volume %s", ErrRefused, m.UUID, serial)
		}
	}
	for _, target := range slices.Concat(d.Offline, d.Found, d.Left) {
		switch {
		case target.Serial != serial:
			return fmt.Errorf("%w: the path %.40q that was released is one of volume %.40q, and not of %s", ErrRefused, target.Name, target.Serial, serial)
		case !scsiName.MatchString(target.Name) || !scsiAddress.MatchString(target.HCTL):
			return fmt.Errorf("%w: %.40q at %.40q is not a path of volume %s", ErrRefused, target.Name, target.HCTL, serial)
		}
	}
	return nil
}
