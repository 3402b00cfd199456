package release

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// Sought is one volume of which a machine is asked whether anything is left.
type Sought struct {
	Serial evidence.Serial
	// Elsewhere tells a use of another volume, see Releaser.
	Elsewhere func(evidence.Use) bool
}

// Detachment is a machine's word on that: yes when nothing is left. The reasons
// say what is, or what is not certain.
type Detachment struct {
	Answer  evidence.Answer
	Reasons []string
}

// Detached reports of each volume whether nothing of it is left on this host: no
// map, path or namespace, by what sysfs says and by what each device says
// itself, no name of it in /dev or in udev's database, no use of it, also of
// a device that has gone. The answers are of one reading; what was just removed
// can come back with a scan, so it is to be asked twice, some seconds apart.
func (l Local) Detached(ctx context.Context, sought []Sought) []Detachment {
	var serials []evidence.Serial
	for _, s := range sought {
		serials = append(serials, s.Serial)
	}
	host := devices.ObserveVolumes(ctx, l.System, serials)
	noted, err := inUdev(hostfs.Tree{FS: l.System.FS}, sought)
	all := make([]Detachment, len(sought))
	for i, s := range sought {
		if bad := usable(s.Serial); bad != nil {
			all[i].Reasons = []string{bad.Error()}
			continue
		}
		v := l.releaser(Callbacks{Elsewhere: s.Elsewhere}).viewOf(host, s.Serial)
		all[i] = v.detached(noted[s.Serial], err)
	}
	return all
}

// detached judges one volume, of which udev's database has the entries noted.
func (v *view) detached(noted []string, unread error) Detachment {
	if left := v.left(); len(left) > 0 {
		return Detachment{evidence.No, left}
	}
	var doubts []string
	for _, reason := range v.incompleteReasons() {
		doubts = append(doubts, reason.Why)
	}
	doubts = append(doubts, v.silent()...)
	if why := v.host.Links.Why(); why != "" {
		doubts = append(doubts, "the names in /dev are not all known: "+why)
	}
	if unread != nil {
		doubts = append(doubts, fmt.Sprintf("udev's database could not be read: %v", unread))
	}
	switch {
	case len(noted) > 0:
		return Detachment{evidence.No, noted}
	case len(doubts) > 0:
		return Detachment{evidence.Unknown, doubts}
	}
	return Detachment{Answer: evidence.Yes}
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

// inUdev are the entries of udev's database that name each volume: udev has
// not come to their removal yet, or is stuck.
func inUdev(t hostfs.Tree, sought []Sought) (map[evidence.Serial][]string, error) {
	const dir = "run/udev/data"
	names, err := t.Names(dir)
	if err != nil {
		return nil, err
	}
	noted := map[evidence.Serial][]string{}
	for _, name := range names {
		if !strings.HasPrefix(name, "b") {
			continue
		}
		data, err := t.Data(dir+"/"+name, hostfs.AttributeBytes)
		if err != nil {
			if hostfs.Absent(err) {
				continue
			}
			return noted, err
		}
		data = bytes.ToLower(data)
		for _, s := range sought {
			// The digits behind the leading 3 are the same in all SCSI spellings.
			if usable(s.Serial) == nil && (bytes.Contains(data, []byte(s.Serial.WWID()[1:])) || bytes.Contains(data, []byte(s.Serial.EUI()))) {
				noted[s.Serial] = append(noted[s.Serial], "udev's entry of block device "+name[1:])
			}
		}
	}
	return noted, nil
}
