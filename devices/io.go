package devices

import (
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// The fields of a block device's stat file that count requests completed.
const (
	statReads  = 0
	statWrites = 4
	statFields = 11 // in the oldest kernels; more were added behind
)

// sectorBytes is the unit of the size attribute, whatever the device's own
// block size is.
const sectorBytes = 512

// readIO reads a device's counters, of one that counts.
func readIO(t hostfs.Tree, dir string) evidence.IO {
	io := rawIO(t, dir)
	if !counts(t, dir) {
		return uncounted(io)
	}
	return io
}

func rawIO(t hostfs.Tree, dir string) evidence.IO {
	var io evidence.IO
	if stat := numbers(t.Field(dir + "/stat")); len(stat) >= statFields {
		io.Reads, io.Writes = evidence.CountOf(stat[statReads]), evidence.CountOf(stat[statWrites])
	}
	if inflight := numbers(t.Field(dir + "/inflight")); len(inflight) == 2 {
		io.Inflight = evidence.CountOf(inflight[0] + inflight[1])
	}
	return io
}

// counts reports a device that was not told to count nothing: counters that
// never move say nothing about what was read and written.
func counts(t hostfs.Tree, dir string) bool {
	said, err := t.Text(dir + "/queue/iostats")
	return err == nil && said != "0"
}

// uncounted are counters of which only what is under way is known.
func uncounted(io evidence.IO) evidence.IO { return evidence.IO{Inflight: io.Inflight} }

// numbers reads a line of whole numbers; nil when one of them is not.
func numbers(line string) []int64 {
	fields := strings.Fields(line)
	values := make([]int64, len(fields))
	for i, field := range fields {
		n, err := strconv.ParseUint(field, 10, 62)
		if err != nil {
			return nil
		}
		values[i] = int64(n)
	}
	return values
}

// addIO sums counters; what is not known on one side is not known.
func addIO(a, b evidence.IO) evidence.IO {
	return evidence.IO{Reads: a.Reads.Plus(b.Reads), Writes: a.Writes.Plus(b.Writes), Inflight: a.Inflight.Plus(b.Inflight)}
}

// readBytes reads a device's size.
func readBytes(t hostfs.Tree, dir string) evidence.Count {
	sectors := t.Count(dir + "/size")
	if !sectors.Known || sectors.N < 0 || sectors.N > (1<<62)/sectorBytes {
		return evidence.Count{}
	}
	return evidence.CountOf(sectors.N * sectorBytes)
}
