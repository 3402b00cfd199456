// Package hostlog reads what one host's logs tell of devices that came or did
// not, and of those who waited for them.
package hostlog

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

const (
	// logTail is how much of the end of a log is read.
	logTail = 8 << 20
	// maxLogLine is what is looked at of one line: messages are shorter, and
	// a line without an end is no message.
	maxLogLine = 4 << 10
	// maxArrivals and maxComplaints bound what is kept, of the latest.
	maxArrivals   = 500
	maxComplaints = 200
)

// logFiles are where the messages of the kernel, multipathd, iscsid and LXD
// stand, by the names of the distributions. systemd's journal is no text; its
// messages are read where they are also written here.
var logFiles = []string{
	"var/log/kern.log", "var/log/syslog", "var/log/messages", "var/log/daemon.log",
	"var/log/lxd/lxd.log",
}

// Read reads what a host's logs tell of devices that came or did not. It
// never fails: what could not be read is in the lists' reasons. No judgement
// about a volume rests on it.
func Read(ctx context.Context, s devices.System) evidence.Log {
	s = s.WithDefaults()
	r := logReader{Tree: hostfs.Tree{FS: s.FS}, now: s.Now()}
	clock := syslogClock{now: r.now, zone: r.zone(!s.Recorded), boot: r.bootTime(), own: r.names(s.Hostname)}
	files := logFiles
	for _, dir := range s.LXDDirs {
		files = append(files[:len(files):len(files)], dir+"/logs/lxd.log")
	}
	for _, file := range files {
		text, err := r.tail(file, logTail)
		if err != nil && !hostfs.Absent(err) {
			r.doubts.Check("/"+file, err)
		}
		// What was rotated away is the same log, and tells of the days before.
		if earlier := r.rotated(file); earlier != "" && len(text) < logTail {
			before, err := r.tail(earlier, logTail-len(text))
			r.doubts.Check("/"+earlier, err)
			if before != "" {
				r.read("/"+earlier, before, clock.read)
			}
		}
		if text != "" {
			r.read("/"+file, text, clock.read)
		}
	}
	if text, err := s.Journal(); err == nil {
		everybody := clock
		everybody.own = nil
		r.read("the journal", text, everybody.read)
	}
	r.kernel(ctx, s)
	r.udev()
	return r.result(ctx)
}

// names are what this machine calls itself in its logs; none where it is not
// known. A file may hold other machines' lines, too: a central syslog's does.
func (r *logReader) names(hostname string) []string {
	var all []string
	for _, name := range []string{hostname, r.Field("proc/sys/kernel/hostname"), r.Field("etc/hostname")} {
		if name != "" && !strings.ContainsAny(name, " \n") {
			all = append(all, shortName(name))
		}
	}
	if len(all) > 0 {
		all = append(all, "localhost") // before it knows its name
	}
	return all
}

// shortName is a host's name without its domain.
func shortName(name string) string {
	short, _, _ := strings.Cut(strings.ToLower(name), ".")
	return short
}

// kernel reads the kernel's own log. Where it is not known when the machine
// started, what it tells can't be joined with the other logs: then the one
// that tells of more devices is believed.
func (r *logReader) kernel(ctx context.Context, s devices.System) {
	text, err := s.KernelLog(ctx)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.doubts.Add("the kernel's log: %v", err)
	}
	if text == "" {
		return
	}
	boot := r.bootTime()
	own := logReader{}
	own.read("the kernel's log", text, sinceBoot(boot))
	switch {
	case !boot.IsZero():
		r.read("the kernel's log", text, sinceBoot(boot))
	case len(own.arrivals) > len(r.arrivals):
		r.arrivals, r.logs = own.arrivals, append(r.logs, own.logs...)
	}
	if boot.IsZero() && len(r.complaints) == 0 {
		r.complaints = own.complaints
	}
}

// logReader collects what the logs tell.
type logReader struct {
	hostfs.Tree
	now    time.Time
	doubts hostfs.Doubts
	// logs are those that were read. What stands in several of them is
	// told once.
	logs       []string
	arrivals   []evidence.Arrival
	complaints []evidence.Complaint
}

func (r *logReader) read(name, text string, when clockReader) {
	p := logParser{name: name, when: when}
	for line := range strings.Lines(text) {
		p.line(line)
	}
	if p.others > 0 && p.own == 0 {
		r.doubts.Add("%s has other machines' lines only", name)
		return
	}
	r.logs = append(r.logs, name)
	r.arrivals = merge(r.arrivals, p.arrivals())
	for _, c := range p.complaints {
		r.complain(c)
	}
}

// complain adds a line unless another log had it: of the same kind, about the
// same and, as far as both know, within a second.
func (r *logReader) complain(c evidence.Complaint) {
	dateless := func(at time.Time) bool { return at.Year() <= 1971 }
	for _, other := range r.complaints {
		apart := c.At.Sub(other.At).Abs()
		if other.Kind == c.Kind && other.File != c.File && (dateless(c.At) || dateless(other.At) || apart <= time.Second) && essence(other.Text) == essence(c.Text) {
			return
		}
	}
	if len(r.complaints) == maxComplaints {
		r.complaints = r.complaints[1:]
	}
	r.complaints = append(r.complaints, c)
}

// essence is what the copies of one message have in common: its beginning.
// LXD quotes its messages twice where they pass through the journal.
func essence(text string) string {
	text = strings.ReplaceAll(text, `\`, "")
	return text[:min(len(text), 80)]
}

// merge joins what two logs tell. The kernel's log knows the moment best, and
// the system's log knows multipathd.
func merge(known, more []evidence.Arrival) []evidence.Arrival {
	for _, a := range more {
		again := false
		for k := range evidence.Refs(known) {
			if k.Device == a.Device && k.HCTL == a.HCTL && !k.At.IsZero() && k.At.Sub(a.At).Abs() <= 5*time.Second {
				again = true
				if a.MapMS.Known && !k.MapMS.Known {
					k.MapMS, k.Source = a.MapMS, a.Source
				}
				if k.Serial == "" {
					k.Serial = a.Serial
				}
			}
		}
		if !again {
			known = append(known, a)
		}
	}
	if len(known) > maxArrivals {
		known = known[len(known)-maxArrivals:]
	}
	return known
}

func (r *logReader) result(ctx context.Context) evidence.Log {
	if len(r.logs) == 0 {
		r.doubts.Add("no log could be read")
	}
	if err := ctx.Err(); err != nil {
		r.doubts.Add("the reading was cut short: %v", err)
	}
	log := evidence.Log{Arrivals: hostfs.ListOf(r.arrivals, r.doubts), Complaints: hostfs.ListOf(r.complaints, r.doubts), Read: r.logs}
	if log.Read == nil {
		log.Read = []string{}
	}
	log.Started = r.bootTime()
	return log
}

// rotated is the log's previous file, "" for none: NAME.1 or NAME-DATE, which
// may be packed.
func (r *logReader) rotated(file string) string {
	names, err := r.Names(path.Dir(file))
	if err != nil {
		return "" // the log itself tells what is wrong
	}
	base, found := path.Base(file), ""
	for _, name := range names {
		plain := strings.TrimSuffix(name, ".gz")
		if date, dated := strings.CutPrefix(plain, base+"-"); dated && rotationDate.MatchString(date) && plain > strings.TrimSuffix(found, ".gz") || plain == base+".1" && found == "" {
			found = name
		}
	}
	if found == "" {
		return ""
	}
	return path.Join(path.Dir(file), found)
}

var rotationDate = regexp.MustCompile(`^20\d{6}$`)

// zone is the machine's time zone, by the link or the copy that etc/localtime
// is, else by the name in etc/timezone; nil where it is not known. A running
// machine without either is in UTC's (localtime(5)).
func (r *logReader) zone(running bool) *time.Location {
	name := ""
	if target, err := r.Link("etc/localtime"); err == nil {
		_, name, _ = strings.Cut(target, "zoneinfo/")
	} else if data, err := r.Data("etc/localtime", hostfs.TableBytes); err == nil {
		zone, err := time.LoadLocationFromTZData("local", data)
		if err != nil {
			return nil
		}
		return zone
	}
	if name == "" {
		name = r.Field("etc/timezone")
	}
	switch strings.TrimPrefix(name, "Etc/") {
	case "":
		if running && r.Exists("etc/localtime").IsNot() {
			return time.UTC
		}
		return nil
	case "UTC", "UCT", "Zulu", "Universal", "GMT", "Greenwich":
		return time.UTC
	}
	if data, err := r.Data(path.Join("usr/share/zoneinfo", path.Join("/", name)), hostfs.TableBytes); err == nil {
		if zone, err := time.LoadLocationFromTZData(name, data); err == nil {
			return zone
		}
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}

// tail reads the end of a file, packed or not, from the beginning of a line.
func (r *logReader) tail(name string, most int) (string, error) {
	info, err := fs.Stat(r.FS, name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fs.ErrNotExist // opening a FIFO would wait for its writer
	}
	f, err := r.Open(name)
	if err != nil {
		return "", err
	}
	// It was only read: closing it can lose nothing.
	defer func() { _ = f.Close() }()
	end := plainEnd
	if strings.HasSuffix(name, ".gz") {
		end = packedEnd
	}
	data, cut, err := end(f, info.Size(), most)
	if err != nil {
		return "", err
	}
	text := string(data)
	if cut {
		_, text, _ = strings.Cut(text, "\n")
	}
	return text, nil
}

// plainEnd reads the end of a file, and reports whether something stands before it.
func plainEnd(f io.Reader, size int64, most int) (end []byte, cut bool, err error) {
	if seeker, ok := f.(io.Seeker); ok && size > int64(most) {
		if _, err := seeker.Seek(-int64(most), io.SeekEnd); err != nil {
			return nil, false, err
		}
		cut = true
	}
	end, err = io.ReadAll(io.LimitReader(f, int64(most)))
	return end, cut, err
}

// maxUnpacked bounds what a packed log may become.
const maxUnpacked = 256 << 20

// packedEnd is plainEnd of what a packed file holds.
func packedEnd(f io.Reader, _ int64, most int) (end []byte, cut bool, err error) {
	packed, err := gzip.NewReader(f)
	if err != nil {
		return nil, false, err
	}
	chunk := make([]byte, 1<<20)
	for read := 0; read < maxUnpacked; {
		n, err := packed.Read(chunk)
		read += n
		end = append(end, chunk[:n]...)
		if len(end) > 2*most {
			end, cut = append(end[:0], end[len(end)-most:]...), true
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, false, err
		}
	}
	if len(end) > most {
		end, cut = end[len(end)-most:], true
	}
	return end, cut, nil
}

// bootTime is when the machine started, from proc/stat; zero when not known.
func (r *logReader) bootTime() time.Time {
	text, err := r.Data("proc/stat", hostfs.TableBytes)
	if err != nil {
		return time.Time{}
	}
	for line := range strings.Lines(string(text)) {
		if seconds, ok := strings.CutPrefix(line, "btime "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(seconds), 10, 64)
			if err == nil && n > 0 {
				return time.Unix(n, 0).UTC()
			}
		}
	}
	return time.Time{}
}

// deviceNumber is "major:minor".
var deviceNumber = regexp.MustCompile(`^\d+:\d+$`)

// maxWait is longer than anybody waits for a device: what took longer was not
// waited for, but came on another occasion.
const maxWait = 2 * time.Minute

// udev adds what udev's own database tells of the maps that are there: when
// it first saw the map, and when the first of its paths. Where multipathd
// writes to the journal only, nothing else tells.
func (r *logReader) udev() {
	blocks, err := r.Names("sys/block")
	if err != nil {
		return
	}
	first := map[string]time.Duration{}
	for _, block := range blocks {
		dev := r.Field("sys/block/" + block + "/dev")
		if !deviceNumber.MatchString(dev) {
			continue
		}
		text, err := r.Text("run/udev/data/b" + dev)
		if err != nil || text == "" {
			continue
		}
		for line := range strings.Lines(text) {
			if digits, ok := strings.CutPrefix(line, "I:"); ok {
				n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
				if err == nil && n > 0 {
					first[block] = time.Duration(n) * time.Microsecond
				}
			}
		}
	}
	boot := r.bootTime()
	read := false
	for _, block := range blocks {
		uuid := r.Field("sys/block/" + block + "/dm/uuid")
		serial, ok := evidence.SerialOf(uuid)
		seen, known := first[block]
		if !ok || !known || !strings.HasPrefix(uuid, "mpath-") {
			continue
		}
		slaves, err := r.Names("sys/block/" + block + "/slaves")
		r.doubts.Check("the paths of "+block, err)
		begin := time.Duration(-1)
		for _, slave := range slaves {
			if at, known := first[slave]; known && (begin < 0 || at < begin) {
				begin = at
			}
		}
		if wait := seen - begin; begin >= 0 && wait >= 0 && wait <= maxWait {
			read = true
			a := evidence.Arrival{
				Device: block, Serial: serial, Sign: "its first path",
				DiskMS: evidence.CountOf(0), MapMS: evidence.CountOf(wait.Milliseconds()), Source: "/run/udev/data",
			}
			if !boot.IsZero() {
				a.At = boot.Add(begin)
			}
			if !r.mapKnown(a) {
				r.arrivals = append(r.arrivals, a)
			}
		}
	}
	if r.udevFirst(blocks, first, boot) || read {
		r.logs = append(r.logs, "/run/udev/data")
	}
}

// udevFirst adds when udev first saw the namespaces and the disks without a map
// of which no log tells: the kernel logs nothing of a namespace.
func (r *logReader) udevFirst(blocks []string, first map[string]time.Duration, boot time.Time) (read bool) {
	if boot.IsZero() {
		return false
	}
	for _, block := range blocks {
		seen, known := first[block]
		attribute := "/device/wwid"
		if strings.HasPrefix(block, "nvme") {
			attribute = "/wwid"
		}
		serial, ok := evidence.SerialOf(r.Field("sys/block/" + block + attribute))
		if !known || !ok || slices.ContainsFunc(r.arrivals, func(a evidence.Arrival) bool {
			return a.Serial == serial && (a.Device == block || a.MapMS.Known)
		}) {
			continue
		}
		read = true
		r.arrivals = append(r.arrivals, evidence.Arrival{
			Device: block, Serial: serial, At: boot.Add(seen), Sign: "udev's first word", Source: "/run/udev/data",
		})
	}
	return read
}

// mapKnown reports a map of which a log tells already.
func (r *logReader) mapKnown(a evidence.Arrival) bool {
	return slices.ContainsFunc(r.arrivals, func(k evidence.Arrival) bool { return k.MapMS.Known && k.Serial == a.Serial })
}
