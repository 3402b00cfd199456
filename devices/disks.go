package devices

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// vendorPure is what a FlashArray's standard INQUIRY names as vendor.
const vendorPure = "PURE"

// readDisks lists the SCSI disks that are paths to Pure volumes.
func readDisks(t hostfs.Tree, b blocks, f *focus) ([]evidence.Disk, hostfs.Doubts) {
	var d hostfs.Doubts
	d.Merge(b.doubts)
	var disks []evidence.Disk
	for _, one := range b.all {
		if one.disk == "" && isSCSIDisk(one.name) {
			if disk, ours := readDisk(t, b, one, f, &d); ours {
				disks = append(disks, disk)
			}
		}
	}
	return disks, d
}

func isSCSIDisk(name string) bool {
	letters, ok := strings.CutPrefix(name, "sd")
	return ok && letters != "" && strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz") == ""
}

// readDisk reads one disk and tells whether it is Pure's, by its vendor or by
// the company id in its WWID. When neither can be read, that is a doubt.
func readDisk(t hostfs.Tree, b blocks, one block, f *focus, d *hostfs.Doubts) (evidence.Disk, bool) {
	device := deviceDir(t, one)
	wwid, wwidErr := t.Text(device + "/wwid")
	serial, ours := evidence.SerialOf(wwid)
	brief := f.others(serial)
	vendor, vendorErr := "", error(nil)
	if !brief {
		vendor, vendorErr = t.Text(device + "/vendor")
	}
	var pageErr error
	if !ours {
		var page []byte
		page, pageErr = t.Data(device+"/vpd_pg83", hostfs.AttributeBytes)
		if fromPage := pageWWID(page); fromPage != "" {
			if serial, ours = evidence.SerialOf(fromPage); ours || wwid == "" {
				wwid = fromPage
			}
		}
	}
	switch {
	case ours || vendor == vendorPure:
	case vendor != "":
		return evidence.Disk{}, false
	case vendorErr != nil || wwidErr != nil || (pageErr != nil && !hostfs.Absent(pageErr)):
		d.Add("%s may be Pure's: its vendor and WWID could not be read", one.name)
		return evidence.Disk{}, false
	case wwid == "" && t.Exists(device).Is():
		d.Add("%s may be Pure's: it shows neither vendor nor WWID", one.name)
		return evidence.Disk{}, false
	default:
		return evidence.Disk{}, false
	}

	disk := evidence.Disk{
		Name: one.name, Dev: one.dev,
		Serial: serial, WWID: wwid, Vendor: vendor,
		State:   t.Field(device + "/state"),
		Holders: holdersOf(t, b, one.name, d),
	}
	place(&disk, device)
	if f.brief[one.name] = brief; !brief {
		describeDisk(t, one, &disk)
	}
	return disk, true
}

// describeDisk reads a disk's sequence number, size and counters.
func describeDisk(t hostfs.Tree, one block, disk *evidence.Disk) {
	disk.Seq = t.Count(one.dir + "/diskseq")
	disk.Bytes = readBytes(t, one.dir)
	disk.IO = readIO(t, one.dir)
}

// deviceDir is the SCSI device's directory: the sd's own is below it, in
// "block".
func deviceDir(t hostfs.Tree, one block) string {
	if device, name, ok := strings.Cut(one.dir, "/block/"); ok && name == one.name && strings.HasPrefix(device, "sys/devices/") {
		return device
	}
	device := one.dir + "/device"
	if !strings.HasPrefix(one.dir, "sys/devices/") {
		return device
	}
	// What can't be followed can't be read either, which is told there.
	if target, err := t.Follow(device); err == nil {
		return target
	}
	return device
}

var hctl = regexp.MustCompile(`^\d+:\d+:\d+:\d+$`)

// place reads what the device's place in sysfs tells:
// …/host<H>/session<S>/target<H>:<C>:<T>/<H>:<C>:<T>:<L> for iSCSI,
// …/host<H>/rport-<H>:<C>-<N>/target…/… for Fibre Channel.
func place(disk *evidence.Disk, device string) {
	for part := range strings.SplitSeq(device, "/") {
		if digits, ok := strings.CutPrefix(part, "session"); ok {
			if id, err := strconv.Atoi(digits); err == nil && id > 0 {
				disk.Transport, disk.Session = "iscsi", id
			}
		}
		if strings.HasPrefix(part, "rport-") {
			disk.Transport, disk.RemotePort = "fc", part
		}
		if hctl.MatchString(part) {
			disk.HCTL = part
		}
	}
}

// holdersOf lists what stands on a device or on one of its partitions.
func holdersOf(t hostfs.Tree, b blocks, name string, d *hostfs.Doubts) []string {
	holders := []string{}
	for _, one := range append([]string{name}, b.parts[name]...) {
		names, err := t.Names(b.byName[one].dir + "/holders")
		d.Check("the holders of "+one+" could not be listed", err)
		holders = append(holders, names...)
	}
	slices.Sort(holders)
	return slices.Compact(holders)
}
