package devices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// Recording answers from what commands printed: the output of a command line
// stands in commands/, in a file named after the line with every character
// outside [A-Za-z0-9.-] as "_", and ".out". A file that is missing is an
// answer that is not known. The commands are
//
//	dmsetup info
//	dmsetup status
//	dmsetup table
//	multipathd show maps json
//	scsi_id -g -u /dev/sdX                        (the WWID, or "gone")
//	nsenter --mount=PATH cat /proc/self/mountinfo
//	multipathd show config
//	multipathd show config local                  (where that was not recorded)
//	dmesg
func Recording(fsys fs.FS) Kernel { return recording{hostfs.Tree{FS: fsys}} }

type recording struct{ tree hostfs.Tree }

// output is what a command line printed.
func (r recording) output(command string) (string, error) {
	name := "commands/" + OutputName(command)
	data, err := r.tree.Data(name, hostfs.TableBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s was not recorded: %w", name, fs.ErrNotExist)
	}
	if err != nil {
		return "", fmt.Errorf("the output of %q: %w", command, err)
	}
	return string(data), nil
}

// parsed is what a command line printed, as parse reads it.
func parsed[T any](r recording, command string, parse func(text string) (T, error)) (T, error) {
	var none T
	text, err := r.output(command)
	if err != nil {
		return none, err
	}
	all, err := parse(text)
	if err != nil {
		return none, fmt.Errorf("the output of %q: %w", command, err)
	}
	return all, nil
}

// OutputName is the name of the file below commands/ that holds what a
// command line printed.
func OutputName(command string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '-':
			return c
		default:
			return '_'
		}
	}, command) + ".out"
}

// Maps reads dmsetup's info, and its status and table where they were
// recorded too.
func (r recording) Maps(context.Context) ([]DM, error) {
	maps, err := parsed(r, "dmsetup info", parseDMInfo)
	if err != nil {
		return nil, err
	}
	status, err := r.targets("dmsetup status")
	if err != nil {
		return nil, err
	}
	table, err := r.targets("dmsetup table")
	if err != nil {
		return nil, err
	}
	for i := range maps {
		maps[i].Status, maps[i].Table = status[maps[i].Name], table[maps[i].Name]
	}
	return maps, nil
}

// targets reads "name: start length target…" lines; a command that was not
// recorded gives none.
func (r recording) targets(command string) (map[string]string, error) {
	targets, err := parsed(r, command, parseDMTargets)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return targets, err
}

// noDevices is what dmsetup prints when there is nothing to tell.
const noDevices = "No devices found"

// parseDMInfo reads the paragraphs of "dmsetup info".
func parseDMInfo(text string) ([]DM, error) {
	if strings.TrimSpace(text) == noDevices {
		return []DM{}, nil
	}
	maps := []DM{}
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.TrimSpace(paragraph) == "" {
			continue
		}
		one, err := parseDMParagraph(paragraph)
		if err != nil {
			return nil, err
		}
		maps = append(maps, one)
	}
	if len(maps) == 0 {
		return nil, errors.New("it is empty")
	}
	return maps, nil
}

func parseDMParagraph(paragraph string) (DM, error) {
	values := map[string]string{}
	for line := range strings.Lines(paragraph) {
		key, value, _ := strings.Cut(line, ":")
		values[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	one := DM{Name: values["Name"], UUID: values["UUID"]}
	major, minor, _ := strings.Cut(values["Major, minor"], ",")
	one.Dev = strings.TrimSpace(major) + ":" + strings.TrimSpace(minor)
	if one.Name == "" || !isDev(one.Dev) {
		return DM{}, fmt.Errorf("%.80q is not a device", paragraph)
	}
	open, err := strconv.ParseInt(values["Open count"], 10, 64)
	if err != nil || open < 0 {
		return DM{}, fmt.Errorf("%s has the open count %q", one.Name, values["Open count"])
	}
	one.OpenCount = open
	state := values["State"]
	one.Suspended = strings.HasPrefix(state, "SUSPENDED")
	one.Deferred = strings.Contains(state, "DEFERRED REMOVE")
	if !one.Suspended && !strings.HasPrefix(state, "ACTIVE") {
		return DM{}, fmt.Errorf("%s has the state %q", one.Name, state)
	}
	return one, nil
}

// parseDMTargets reads the lines of "dmsetup status" and "dmsetup table".
func parseDMTargets(text string) (map[string]string, error) {
	targets := map[string]string{}
	if strings.TrimSpace(text) == noDevices {
		return targets, nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%.80q is not a target", line)
		}
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			// A device without a table.
			continue
		}
		if len(fields) < 3 || !isDigits(fields[0]) || !isDigits(fields[1]) {
			return nil, fmt.Errorf("%.80q is not a target", line)
		}
		target := strings.Join(fields[2:], " ")
		if before, more := targets[name]; more {
			target = before + "\n" + target
		}
		targets[name] = target
	}
	return targets, nil
}

// Checkers reads multipathd's maps.
func (r recording) Checkers(context.Context) (map[string]string, error) {
	return parsed(r, "multipathd show maps json", parseShowMaps)
}

// parseShowMaps reads the checker's word on each path from "show maps json".
func parseShowMaps(text string) (map[string]string, error) {
	var reply struct {
		Maps *[]struct {
			PathGroups []struct {
				Paths []struct {
					Dev     string `json:"dev"`
					Checker string `json:"chk_st"`
				} `json:"paths"`
			} `json:"path_groups"`
		} `json:"maps"`
	}
	if err := json.Unmarshal([]byte(text), &reply); err != nil {
		return nil, err
	}
	if reply.Maps == nil {
		return nil, errors.New("it has no maps")
	}
	checkers := map[string]string{}
	for _, m := range *reply.Maps {
		for _, group := range m.PathGroups {
			for _, path := range group.Paths {
				if path.Dev != "" {
					checkers[path.Dev] = path.Checker
				}
			}
		}
	}
	return checkers, nil
}

// scsiIDKinds are the first characters of what scsi_id prints: the kind of
// designator, or S for a serial number.
const scsiIDKinds = "01238S"

// Identify reads what scsi_id printed: the WWID, or "gone" for a logical unit
// that is no more.
func (r recording) Identify(_ context.Context, disk string) evidence.Identity {
	text, err := r.output("scsi_id -g -u /dev/" + disk)
	if err != nil {
		return evidence.Identity{Why: err.Error()}
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "gone":
		return evidence.Identity{Kind: evidence.IdentityGone, Why: "recorded so"}
	case text == "" || !strings.Contains(scsiIDKinds, text[:1]) || strings.ContainsAny(text, " \t\n"):
		return evidence.Identity{Why: fmt.Sprintf("scsi_id printed %.80q", text)}
	}
	// Any other WWID is an answer too: that of a device which is not Pure's.
	serial, _ := evidence.SerialOf(text)
	return evidence.Identity{Kind: evidence.IdentityKnown, Serial: serial}
}

// MountInfo reads what nsenter showed of the namespace bound at path.
func (r recording) MountInfo(_ context.Context, path string) ([]byte, error) {
	text, err := r.output("nsenter --mount=" + path + " cat /proc/self/mountinfo")
	return []byte(text), err
}

// MultipathConfig implements Reporter.
func (r recording) MultipathConfig(context.Context) (string, error) {
	text, err := r.output("multipathd show config")
	if errors.Is(err, fs.ErrNotExist) {
		text, err = r.output("multipathd show config local")
	}
	if err == nil && (refusals[strings.TrimSpace(text)] || strings.HasPrefix(text, "permission deny")) {
		return "", fmt.Errorf("multipathd did not tell its configuration: %s", strings.TrimSpace(text))
	}
	return text, err
}

// refusals are what multipathd says instead of an answer.
var refusals = map[string]bool{"fail": true, "timeout": true}

// Log implements Reporter.
func (r recording) Log(context.Context) (string, error) { return r.output("dmesg") }

// noKernel knows nothing.
type noKernel struct{}

var errNoKernel = errors.New("there is nobody to ask the kernel")

func (noKernel) Maps(context.Context) ([]DM, error) { return nil, errNoKernel }

func (noKernel) Checkers(context.Context) (map[string]string, error) { return nil, errNoKernel }

func (noKernel) Identify(context.Context, string) evidence.Identity {
	return evidence.Identity{Why: errNoKernel.Error()}
}

func (noKernel) MountInfo(context.Context, string) ([]byte, error) { return nil, errNoKernel }
