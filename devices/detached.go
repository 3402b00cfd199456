package devices

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// Detached reports whether nothing of the volume is left on this host: no
// map, path or namespace, by what sysfs says and by what each device says
// itself, no name of it in /dev or in udev's database, no use of it, also of
// a device that has gone. The answer is of one reading; what was just removed
// can come back with a scan, so it is to be asked twice, some seconds apart.
// The reasons say what is left, or what is not certain.
func (r *Releaser) Detached(ctx context.Context, serial evidence.Serial) (evidence.Answer, []string) {
	if err := usable(serial); err != nil {
		return evidence.Unknown, []string{err.Error()}
	}
	v := r.look(ctx, serial)
	if left := v.left(); len(left) > 0 {
		return evidence.No, left
	}
	var doubts []string
	for _, reason := range v.blind() {
		doubts = append(doubts, reason.Why)
	}
	doubts = append(doubts, v.silent()...)
	if why := v.host.Links.Why(); why != "" {
		doubts = append(doubts, "the names in /dev are not all known: "+why)
	}
	noted, err := v.inUdev()
	if err != nil {
		doubts = append(doubts, fmt.Sprintf("udev's database could not be read: %v", err))
	}
	if len(noted) > 0 {
		return evidence.No, noted
	}
	if len(doubts) > 0 {
		return evidence.Unknown, doubts
	}
	return evidence.Yes, nil
}

// left is what there certainly still is.
func (v *view) left() []string {
	var left []string
	add := func(format string, args ...any) { left = append(left, fmt.Sprintf(format, args...)) }
	for _, m := range append(v.maps, v.parts...) {
		if m.Deferred.Is() {
			add("map %s goes when it is closed", m.Name)
			continue
		}
		add("map %s", m.Name)
	}
	for _, d := range v.disks {
		add("path %s (%s), state %s", d.Name, d.HCTL, d.State)
	}
	for _, n := range v.namespaces {
		add("namespace %s", n.Name)
	}
	for _, l := range v.host.Links.Items {
		if l.Serial == v.serial {
			add("the name %s", l.Path)
		}
	}
	for _, use := range v.uses {
		add("%s", useWords(use))
	}
	return left
}

// silent are the devices that may be the volume for all that is known: they
// do not say which they are, or could not be told that it has gone. A disk
// that can't be opened leads to nothing.
func (v *view) silent() []string {
	var silent []string
	add := func(format string, args ...any) { silent = append(silent, fmt.Sprintf(format, args...)) }
	for _, d := range v.host.Disks.Items {
		shut := d.State == stateOffline || d.State == "transport-offline"
		if d.Live.Kind == evidence.IdentityUnknown && !(shut && d.Serial != "") {
			add("%s did not say which volume it is (%s)", d.Name, d.Live.Why)
		}
	}
	for _, c := range v.host.Controllers.Items {
		if c.State != "live" {
			add("controller %s is %s, so its namespaces are not known", c.Name, c.State)
		}
	}
	for _, n := range v.host.Namespaces.Items {
		if n.Serial == "" {
			add("%s does not say which volume it is", n.Name)
		}
	}
	for _, m := range v.host.Maps.Items {
		if m.Serial == "" {
			add("map %s does not say which volume it is", m.Name)
		}
	}
	return silent
}

// inUdev are the entries of udev's database that name the volume: udev has
// not come to their removal yet, or is stuck.
func (v *view) inUdev() ([]string, error) {
	const dir = "run/udev/data"
	names, err := v.tree.names(dir)
	if err != nil {
		return nil, err
	}
	var noted []string
	for _, name := range names {
		if !strings.HasPrefix(name, "b") {
			continue
		}
		data, err := v.tree.data(dir+"/"+name, attributeBytes)
		if err != nil {
			if absent(err) {
				continue
			}
			return noted, err
		}
		data = bytes.ToLower(data)
		// The digits behind the leading 3 are the same in all SCSI spellings.
		if bytes.Contains(data, []byte(v.serial.WWID()[1:])) || bytes.Contains(data, []byte(v.serial.EUI())) {
			noted = append(noted, "udev's entry of block device "+name[1:])
		}
	}
	return noted, nil
}
