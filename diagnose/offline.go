package diagnose

import (
	"fmt"
	"slices"

	"github.com/pureclean/pureclean/evidence"
)

// A run that is interrupted in the middle of a release leaves paths offline,
// and those can't say which volume they are. What is judged stays as it is;
// people are told whose work it was and how it goes on.

// offlineKey is one disk of one boot of one machine: a disk sequence number is
// not given twice in a boot.
type offlineKey struct {
	host, boot, disk string
	seq              int64
}

func leftOffline(all []evidence.LeftOffline) map[offlineKey]*evidence.LeftOffline {
	known := make(map[offlineKey]*evidence.LeftOffline, len(all))
	for left := range evidence.Refs(all) {
		key := offlineKey{left.Host, left.Boot, left.Disk, left.Seq.N}
		if left.Seq.Known && left.Host != "" && left.Boot != "" && known[key] == nil {
			known[key] = left // the newest run comes first
		}
	}
	return known
}

// leftBy is the interrupted run that set a disk offline; nil when none is
// known to have.
func (f *facts) leftBy(h *hostFacts, disk *evidence.Disk) *evidence.LeftOffline {
	if disk.State != "offline" || !disk.Seq.Known {
		return nil
	}
	left := f.offline[offlineKey{h.Name, h.Boot, disk.Name, disk.Seq.N}]
	if left == nil || left.Serial != disk.Serial {
		return nil
	}
	return left
}

// becauseOf ends the sentence on a disk that did not answer.
func (f *facts) becauseOf(h *hostFacts, disk *evidence.Disk) string {
	left := f.leftBy(h, disk)
	if others := f.otherMembers(); left == nil && disk.State == "offline" && len(others) > 0 {
		return ": an interrupted run of another member may have set it offline: pureclean runs says so there (" + list(others) + ")"
	}
	if left == nil {
		return ""
	}
	return fmt.Sprintf(": run %s set it offline and was interrupted: %s", left.Run, resume(left.Run))
}

// otherMembers are those whose journals nobody has read: each has its own, and
// only this machine's, which is the first that was asked, is known.
func (f *facts) otherMembers() []string {
	return slices.DeleteFunc(slices.Clone(f.members.names), func(name string) bool { return len(f.hosts) > 0 && f.hosts[0].Name == name })
}

func resume(run string) string { return "pureclean runs --resume " + shell(run) }

// interrupted says in a finding which run left a path of it offline. Where
// that is what keeps it from being repaired, the run is what to go on with
// first, also if the path is only perhaps one of it.
func (s Subject) interrupted(out *Finding) {
	if len(s.f.offline) == 0 || s.snapshot != nil {
		return
	}
	said := map[string]bool{}
	for _, h := range s.hosts() {
		own := s.here(h)
		if own != nil {
			for _, disk := range own.disks {
				left := s.f.leftBy(h, disk)
				if left == nil || said[left.Run] {
					continue
				}
				said[left.Run] = true
				out.Detail += fmt.Sprintf("; run %s set %s offline on %s and was interrupted: %s", left.Run, disk.Name, h.Name, resume(left.Run))
				out.goOnWith(left)
			}
		}
		if s.volume == nil || !slices.Contains(volumes, s.class) {
			continue
		}
		if disk := s.hiddenDisk(h, own); disk != nil {
			out.goOnWith(s.f.leftBy(h, disk))
		}
	}
	if out.Interrupted != "" && s.class != ClassReport {
		out.Next = either(out.Next, resume(out.Interrupted))
	}
}

func (out *Finding) goOnWith(left *evidence.LeftOffline) {
	if left != nil {
		out.Interrupted = either(out.Interrupted, left.Run)
	}
}

// hosts are those that a finding is about.
func (s Subject) hosts() []*hostFacts {
	if s.device != nil && (s.onHost() || s.class == ClassReport) {
		return []*hostFacts{s.device.host}
	}
	return s.f.hosts
}

// here is what a host has of the subject; nil for nothing.
func (s Subject) here(h *hostFacts) *device {
	switch {
	case s.device != nil && s.device.host == h:
		return s.device
	case s.volume != nil:
		return h.of(s.volume)
	default:
		return nil
	}
}
