package hostlog

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// clockReader takes the time off the beginning of a line.
type clockReader func(line string) (at time.Time, message string, ok bool)

// sinceBoot reads dmesg's "[   12.345678] ". Without the moment of the start
// the times are good for differences only.
func sinceBoot(boot time.Time) clockReader {
	if boot.IsZero() {
		boot = time.Unix(0, 0).UTC()
	}
	return func(line string) (time.Time, string, bool) {
		d, message, ok := boottime(line)
		return boot.Add(d), message, ok
	}
}

func boottime(line string) (time.Duration, string, bool) {
	rest, ok := strings.CutPrefix(line, "[")
	if !ok {
		return 0, line, false
	}
	digits, message, ok := strings.Cut(rest, "] ")
	seconds, fraction, _ := strings.Cut(strings.TrimSpace(digits), ".")
	n, err := strconv.ParseInt(seconds, 10, 40)
	micro, notMicro := strconv.ParseUint(fraction, 10, 32)
	if !ok || err != nil || n < 0 || len(fraction) != 6 || notMicro != nil {
		return 0, line, false
	}
	return time.Duration(n)*time.Second + time.Duration(micro)*time.Microsecond, message, true
}

// syslogLayouts are the beginnings of lines: rsyslog's of today and the
// journal's, and the old one, which has no year.
var syslogLayouts = []string{"2006-01-02T15:04:05.999999Z07:00", "2006-01-02T15:04:05Z0700", time.Stamp}

// otherMachine is the message of a line that another machine wrote.
const otherMachine = "\x00of another machine"

// syslogClock is by what the times of a text are read.
type syslogClock struct {
	now time.Time
	// zone is the machine's, for times that say none; nil where it is not known.
	zone *time.Location
	// boot is when the machine started: by it the kernel's own stamp, which
	// stands behind the other, says the time too.
	boot time.Time
	// own are the names of the machine, whose lines alone are read where they
	// say a host; none means all.
	own []string
}

// read reads "TIME HOST PROGRAM[PID]: MESSAGE" and LXD's own
// `time="TIME" level=… msg=…`, and returns "PROGRAM: MESSAGE". LXD's own time,
// which has a zone, stands above that of the line.
func (c syslogClock) read(line string) (time.Time, string, bool) {
	if at, message, ok := ownTime(line); ok {
		return at, "lxd: " + message, true
	}
	for _, layout := range syslogLayouts {
		stamp, rest, ok := cutStamp(line, layout)
		if !ok {
			continue
		}
		at, err := time.Parse(layout, stamp)
		if err != nil {
			continue
		}
		host, rest, _ := strings.Cut(rest, " ")
		if len(c.own) > 0 && !slices.Contains(c.own, shortName(host)) {
			return time.Time{}, otherMachine, false
		}
		program, message, ok := strings.Cut(rest, ": ")
		program, _, _ = strings.Cut(program, "[")
		since, kernel := time.Duration(0), false
		if program == "kernel" {
			since, message, kernel = boottime(strings.TrimSpace(message))
		}
		if layout == time.Stamp {
			at = c.local(at, since, kernel)
		}
		if said, _, has := ownTime(message); has && isLXD(program) {
			at = said
		}
		return at.UTC(), program + ": " + message, ok
	}
	return time.Time{}, line, false
}

// ownTime reads the time with which LXD begins its lines.
func ownTime(line string) (at time.Time, message string, ok bool) {
	rest, ok := strings.CutPrefix(line, `time="`)
	if !ok {
		return time.Time{}, line, false
	}
	stamp, message, ok := strings.Cut(rest, `" `)
	at, err := time.Parse(time.RFC3339, stamp)
	return at.UTC(), message, ok && err == nil
}

func isLXD(program string) bool { return program == "lxd" || program == "lxd.daemon" }

// local is the moment of a time without a year and a zone, read as if it were
// UTC's. Where the zone is not known, or the hour comes twice in it, the result
// lies in the first years of Unix time: it is good for differences only, and
// proves nothing about another clock.
func (c syslogClock) local(wall time.Time, since time.Duration, kernel bool) time.Time {
	in := func(year int, zone *time.Location) time.Time {
		return time.Date(year, wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	}
	zone := c.zone
	if zone == nil {
		zone = time.UTC
	}
	now := c.now.In(zone)
	at := in(now.Year(), zone)
	if at.After(now.Add(24 * time.Hour)) {
		at = in(now.Year()-1, zone)
	}
	if c.zone != nil {
		const clock = "15:04:05"
		for _, d := range []time.Duration{-time.Hour, time.Hour} {
			if at.Add(d).Format(clock) == at.Format(clock) {
				return in(1970, time.UTC)
			}
		}
		return at
	}
	// A zone is whole quarters of an hour away from UTC.
	if booted := c.boot.Add(since); kernel && !c.boot.IsZero() {
		if off := at.Sub(booted); off.Abs() <= 14*time.Hour+2*time.Second && (off-off.Round(15*time.Minute)).Abs() <= 2*time.Second {
			return booted
		}
	}
	return in(1970, time.UTC)
}

// cutStamp cuts a line after its time: at a blank, or where a time with
// blanks in it ends.
func cutStamp(line, layout string) (stamp, rest string, ok bool) {
	if layout != time.Stamp {
		return strings.Cut(line, " ")
	}
	if len(line) <= len(time.Stamp) || line[len(time.Stamp)] != ' ' {
		return "", "", false
	}
	return line[:len(time.Stamp)], line[len(time.Stamp)+1:], true
}

// logParser reads one log from the beginning to the end.
type logParser struct {
	name   string
	when   clockReader
	number int
	// own and others count the lines of this machine and of others.
	own, others int

	// logins are when a session of a SCSI host began, lunChange when an array
	// last said that its LUNs had changed.
	logins    map[string]time.Time
	lunChange time.Time
	// found and serials are of SCSI addresses, until the disk is there.
	found   map[string]time.Time
	serials map[string]evidence.Serial

	came []evidence.Arrival
	// latest is a disk's last arrival in came.
	latest     map[string]int
	complaints []evidence.Complaint
}

var (
	// The kernel's: a session's SCSI host, a unit attention, a LUN, its
	// identity, its disk.
	loginLine  = regexp.MustCompile(`^scsi host(\d+): iSCSI Initiator over TCP/IP`)
	changeLine = regexp.MustCompile(`^sd \d+:\d+:\d+:\d+: .*LUN assignments on this target have changed`)
	lunLine    = regexp.MustCompile(`^scsi (\d+:\d+:\d+:\d+): Direct-Access +PURE +FlashArray`)
	naaLine    = regexp.MustCompile(`^(?:scsi|sd) (\d+:\d+:\d+:\d+): alua: device (naa\.[0-9a-f]{32}) `)
	diskLine   = regexp.MustCompile(`^sd (\d+:\d+:\d+:\d+): \[(sd[a-z]{1,8})\] Attached SCSI disk`)
	// multipathd's: a path in a map, or a map's table.
	pathLine  = regexp.MustCompile(`^(sd[a-z]{1,8}) \[\d+:\d+\]: path added to devmap `)
	tableLine = regexp.MustCompile(`^[^ ]+: (?:addmap|reload|load|create|load table) \[.*multipath (.*)\]`)
)

// signWindow is for how long a sign belongs to a device that comes after it.
const signWindow = time.Minute

func (p *logParser) line(line string) {
	p.number++
	if len(line) > maxLogLine {
		line = line[:maxLogLine]
	}
	at, message, ok := p.when(strings.TrimRight(line, "\r\n"))
	if message == otherMachine {
		p.others++
	}
	if !ok {
		return
	}
	p.own++
	program, text, named := strings.Cut(message, ": ")
	switch {
	case named && program == "kernel":
		p.kernel(at, text)
		p.complain(at, "", text)
	case named && program == "multipathd":
		p.multipathd(at, text)
		p.complain(at, program, text)
	case named && slices.Contains(loggers, program):
		p.complain(at, program, text)
	default: // the kernel's own log names nobody
		p.kernel(at, message)
		p.complain(at, "", message)
	}
}

var loggers = []string{"lxd", "lxd.daemon", "iscsid", "iscsiadm", "systemd-udevd", "(udev-worker)"}

func (p *logParser) kernel(at time.Time, text string) {
	if m := loginLine.FindStringSubmatch(text); m != nil {
		put(&p.logins, m[1], at)
	} else if changeLine.MatchString(text) {
		p.lunChange = at
	} else if m := lunLine.FindStringSubmatch(text); m != nil {
		put(&p.found, m[1], at)
	} else if m := naaLine.FindStringSubmatch(text); m != nil {
		if serial, ok := evidence.SerialOf(m[2]); ok {
			put(&p.serials, m[1], serial)
		}
	} else if m := diskLine.FindStringSubmatch(text); m != nil {
		p.disk(at, m[1], m[2])
	}
}

// maxPending bounds what is remembered of addresses whose disk never comes.
const maxPending = 1 << 14

func put[V any](to *map[string]V, key string, value V) {
	if *to == nil || len(*to) > maxPending {
		*to = map[string]V{}
	}
	(*to)[key] = value
}

// disk is the end of the kernel's part: the disk is there. Others than Pure's
// have no LUN line of Pure's.
func (p *logParser) disk(at time.Time, hctl, name string) {
	found, ok := p.found[hctl]
	if !ok || at.Before(found) {
		return
	}
	delete(p.found, hctl)
	begin, sign := found, "the LUN"
	host, _, _ := strings.Cut(hctl, ":")
	if p.lunChange.After(begin.Add(-signWindow)) && !p.lunChange.After(found) {
		begin, sign = p.lunChange, "the array's word that its LUNs changed"
	}
	if login, ok := p.logins[host]; ok && login.After(found.Add(-signWindow)) && !login.After(found) && (sign == "the LUN" || login.After(begin)) {
		begin, sign = login, "the login"
	}
	put(&p.latest, name, len(p.came))
	p.came = append(p.came, evidence.Arrival{
		Device: name, HCTL: hctl, Serial: p.serials[hctl], At: begin, Sign: sign,
		DiskMS: evidence.CountOf(at.Sub(begin).Milliseconds()), Source: p.name,
	})
}

func (p *logParser) multipathd(at time.Time, text string) {
	if m := pathLine.FindStringSubmatch(text); m != nil {
		p.mapped(at, m[1])
		return
	}
	if m := tableLine.FindStringSubmatch(text); m != nil {
		for field := range strings.FieldsSeq(m[1]) {
			if name, ok := diskName(field); ok {
				p.mapped(at, name)
			}
		}
	}
}

// mapped is the end of multipathd's part, the first time that it is told.
func (p *logParser) mapped(at time.Time, disk string) {
	i, ok := p.latest[disk]
	if !ok || p.came[i].MapMS.Known {
		return
	}
	a := &p.came[i]
	if wait := at.Sub(a.At); wait >= 0 && wait <= maxWait {
		a.MapMS = evidence.CountOf(wait.Milliseconds())
	}
}

// diskName is the name of a SCSI disk by its number: 16 numbers each, of the
// majors that Linux has for them.
func diskName(dev string) (string, bool) {
	majorText, minorText, _ := strings.Cut(dev, ":")
	major, errA := strconv.Atoi(majorText)
	minor, errB := strconv.Atoi(minorText)
	if errA != nil || errB != nil || minor < 0 || minor > 1<<20 || minor%16 != 0 {
		return "", false
	}
	// The low 8 bits of a minor count within the major, the others go on
	// after all majors.
	index := -1
	switch {
	case major == 8:
		index = 0
	case major >= 65 && major <= 71:
		index = major - 64
	case major >= 128 && major <= 135:
		index = major - 120
	}
	if index < 0 {
		return "", false
	}
	n := index*16 + minor%256/16 + minor/256*256
	name := ""
	for n++; n > 0; n = (n - 1) / 26 {
		name = string(rune('a'+(n-1)%26)) + name
	}
	return "sd" + name, true
}

// arrivals are those that anybody can have waited for.
func (p *logParser) arrivals() []evidence.Arrival {
	if len(p.came) > maxArrivals {
		return p.came[len(p.came)-maxArrivals:]
	}
	return p.came
}

// complaintTexts are what the messages hold, as LXD (both its spellings),
// open-iscsi, multipath-tools, systemd and Linux write them. program is who
// writes it: "" for the kernel.
var complaintTexts = []struct {
	program, text string
	kind          evidence.ComplaintKind
}{
	{"lxd", "Failed locating device for volume", evidence.ComplaintNoDevice},
	{"lxd", "Failed to locate device for volume", evidence.ComplaintNoDevice},
	{"lxd", "Failed configuring multipath for device", evidence.ComplaintNoMap},
	{"lxd", "Failed to configure multipath for device", evidence.ComplaintNoMap},
	{"lxd", "Failed connecting to any address on target", evidence.ComplaintPortal},
	{"lxd", "Failed connecting to target", evidence.ComplaintPortal},
	{"lxd", "Failed to connect to target", evidence.ComplaintPortal},
	{"lxd", "Failed removing multipath device", evidence.ComplaintBusy},
	{"lxd", "Timeout exceeded waiting for multipath slave device", evidence.ComplaintBusy},
	{"lxd", "Timeout exceeded waiting for Pure Storage volume", evidence.ComplaintBusy},
	{"iscsid", "cannot make a connection to", evidence.ComplaintPortal},
	{"iscsid", "connect to", evidence.ComplaintPortal},
	{"iscsid", "login timed out", evidence.ComplaintPortal},
	{"", "detected conn error (", evidence.ComplaintPortal},
	{"", "blocked FC remote port time out", evidence.ComplaintPortal},
	{"systemd-udevd", "is taking a long time", evidence.ComplaintUdev},
	{"systemd-udevd", "timeout; kill it", evidence.ComplaintUdev},
	{"systemd-udevd", "is taking longer than", evidence.ComplaintUdev},
	{"(udev-worker)", "is taking longer than", evidence.ComplaintUdev},
	{"", "blocked for more than", evidence.ComplaintHung},
}

// maxComplaint is how much of a line is kept.
const maxComplaint = 300

func (p *logParser) complain(at time.Time, program, text string) {
	program = strings.TrimSuffix(program, ".daemon")
	for _, c := range complaintTexts {
		if c.program != program || !strings.Contains(text, c.text) || c.text == "connect to" && !strings.Contains(text, "failed") {
			continue
		}
		// LXD's lines begin with what is the same in all of them.
		if i := strings.Index(text, c.text); program == "lxd" && i >= 0 {
			text, _, _ = strings.Cut(text[i:], `" `)
			if strings.HasSuffix(text, `"`) && !strings.HasSuffix(text, `\"`) {
				text = text[:len(text)-1] // the end of err="…" at the end of the line
			}
			text = strings.ReplaceAll(text, `\"`, `"`)
		}
		if len(text) > maxComplaint {
			text = strings.ToValidUTF8(text[:maxComplaint], "")
		}
		if len(p.complaints) == maxComplaints {
			p.complaints = p.complaints[1:]
		}
		p.complaints = append(p.complaints, evidence.Complaint{Kind: c.kind, At: at, Text: text, File: p.name, Line: p.number})
		return
	}
}
