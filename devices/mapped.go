package devices

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
)

// memory finds the devices that a process has mapped into its memory: it uses
// them, though it may have closed them. A process whose first thread has ended
// has its memory still, which its other threads show.
func (w walker) memory(dir string, pid int, threads []string, one *process) {
	files := dir
	data, err := w.tree.Data(dir+"/maps", hostfs.TableBytes)
	for _, tid := range threads {
		if err != nil || len(data) > 0 {
			break
		}
		if tid != strconv.Itoa(pid) && isDigits(tid) {
			if data, err = w.tree.Data(dir+"/task/"+tid+"/maps", hostfs.TableBytes); hostfs.Absent(err) {
				err = nil
			}
			files = "proc/" + tid // a thread's directory has none
		}
	}
	if err != nil && !hostfs.Absent(err) {
		one.err = err
		return
	}
	for line := range bytes.Lines(data) {
		m, ok := parseMapping(string(line))
		if !ok {
			continue
		}
		file, ours, err := w.mapping(files, m)
		if err != nil {
			one.err = err
		}
		if ours {
			w.keep(pid, file, one)
		}
	}
}

// mapping is one line of /proc/PID/maps that names a file.
type mapping struct{ span, dev, inode, path string }

// parseMapping reads "7f00-7f10 rw-s 00000000 00:05 385    /dev/sda".
func parseMapping(line string) (mapping, bool) {
	head, path, found := strings.Cut(line, " /")
	fields := strings.Fields(head)
	if !found || len(fields) != 5 {
		return mapping{}, false
	}
	return mapping{fields[0], fields[3], fields[4], "/" + strings.TrimSuffix(path, "\n")}, true
}

// number is the number of the file system as mountinfo writes it.
func (m mapping) number() string {
	major, minor, _ := strings.Cut(m.dev, ":")
	a, errA := strconv.ParseUint(major, 16, 32)
	b, errB := strconv.ParseUint(minor, 16, 32)
	if errA != nil || errB != nil {
		return ""
	}
	return fmt.Sprintf("%d:%d", a, b)
}

// mappedFile is what is known of a file that some process has mapped.
type mappedFile struct {
	file openFile
	ours bool
}

// mapping asks for each file once, however many processes have mapped it: a
// machine has thousands of mappings of a few libraries.
func (w walker) mapping(dir string, m mapping) (openFile, bool, error) {
	key := m.dev + " " + m.inode + " " + m.path
	if known, ok := w.mapped.Load(key); ok {
		one, _ := known.(mappedFile)
		return one.file, one.ours, nil
	}
	certain := true
	file, ours, err := w.device(m.path, func(string) (number deviceNumber, isDevice bool, err error) {
		if w.remoteDevs[m.number()] {
			return deviceNumber{}, false, nil
		}
		number, isDevice, certain, err = w.mappedNumber(dir + "/map_files/" + m.span)
		return number, isDevice, err
	})
	if err == nil && certain {
		w.mapped.Store(key, mappedFile{file, ours})
	}
	return file, ours, err
}

// mappedNumber asks a mapped file for its device number. A mapping that is no
// more, and one that only root may ask for, are told by their path.
func (w walker) mappedNumber(name string) (number deviceNumber, isDevice, certain bool, err error) {
	info, err := fs.Stat(w.tree.FS, name)
	switch {
	case err == nil:
		number, isDevice, err = numberOf(info)
		return number, isDevice, true, err
	case hostfs.Absent(err), errors.Is(err, fs.ErrPermission):
		return deviceNumber{}, false, false, nil
	default:
		return deviceNumber{}, false, false, err
	}
}
