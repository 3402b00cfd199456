package array

import "strings"

// perf is a measurement of I/O. Latencies follow from there being any.
type perf struct{ reads, writes int64 }

const (
	bytesPerRead  = 16384
	bytesPerWrite = 8192
	usecPerRead   = 250
	usecPerWrite  = 180
)

func perfColumns[T any](at func(*call, T) perf) []column[T] {
	col := func(path string, f func(perf) int64) column[T] {
		return column[T]{path: path, get: func(c *call, row T) value { return number(f(at(c, row))) }}
	}
	when := func(ops func(perf) int64, each int64) func(perf) int64 {
		return func(p perf) int64 {
			if ops(p) == 0 {
				return 0
			}
			return each
		}
	}
	reads, writes := func(p perf) int64 { return p.reads }, func(p perf) int64 { return p.writes }
	columns := []column[T]{
		{path: "time", get: func(c *call, _ T) value { return number(c.now.UnixMilli()) }},
		col("read_bytes_per_sec", func(p perf) int64 { return p.reads * bytesPerRead }),
		col("write_bytes_per_sec", func(p perf) int64 { return p.writes * bytesPerWrite }),
		col("usec_per_read_op", when(reads, usecPerRead)),
		col("usec_per_write_op", when(writes, usecPerWrite)),
		col("reads_per_sec", reads),
		col("writes_per_sec", writes),
		col("service_usec_per_read_op", when(reads, usecPerRead)),
		col("service_usec_per_write_op", when(writes, usecPerWrite)),
		col("bytes_per_read", when(reads, bytesPerRead)),
		col("bytes_per_write", when(writes, bytesPerWrite)),
		col("bytes_per_op", func(p perf) int64 {
			if p.reads+p.writes == 0 {
				return 0
			}
			return (p.reads*bytesPerRead + p.writes*bytesPerWrite) / (p.reads + p.writes)
		}),
		fixed[T]("service_usec_per_read_op_cache_reduction", nothing()),
	}
	for path := range strings.FieldsSeq(idle) {
		columns = append(columns, col(path, func(perf) int64 { return 0 }))
	}
	return columns
}

// idle is what nothing here ever does: it mirrors nothing, and no I/O waits.
const idle = `mirrored_write_bytes_per_sec mirrored_writes_per_sec usec_per_mirrored_write_op san_usec_per_mirrored_write_op
	queue_usec_per_mirrored_write_op qos_rate_limit_usec_per_mirrored_write_op service_usec_per_mirrored_write_op
	bytes_per_mirrored_write queue_usec_per_read_op queue_usec_per_write_op qos_rate_limit_usec_per_read_op
	qos_rate_limit_usec_per_write_op san_usec_per_read_op san_usec_per_write_op`

// volumePerformance lists what volumes do now; no history is kept.
func volumePerformance() endpoint {
	r := &resource[*volume]{
		path: "/volumes/performance", untokened: true, total: true,
		rows: func(c *call) []*volume {
			if c.state.idlePerf {
				return nil
			}
			return c.state.volumes.rows
		},
		by: map[string]func(*call, string) ([]*volume, error){"ids": func(c *call, id string) ([]*volume, error) {
			if c.state.idlePerf {
				return nil, nil
			}
			return single((*state).volumeByID)(c, id)
		}},
		destroyed: func(v *volume) bool { return v.destroyed },
	}
	r.columns = append(
		perfColumns(func(_ *call, v *volume) perf { return v.io }),
		col("name", func(v *volume) value { return name(v.name) }),
		col("id", func(v *volume) value { return name(v.id) }),
	)
	return r.only()
}

// io is what a host does: all of the I/O of the volumes whose first
// connection it has. The array can't know more here, as I/O is set by volume.
func (h *host) io() perf {
	var sum perf
	for _, r := range h.connections {
		if r.volume.connections[0] == r {
			sum.reads, sum.writes = sum.reads+r.volume.io.reads, sum.writes+r.volume.io.writes
		}
	}
	return sum
}

// hostPerformance lists what hosts do now; no history is kept.
func hostPerformance() endpoint {
	r := &resource[*host]{path: "/hosts/performance", untokened: true, total: true, rows: func(c *call) []*host { return c.state.hosts.rows }}
	r.columns = append(
		perfColumns(func(c *call, h *host) perf { return memo(c, h, func() perf { return h.io() }) }),
		col("name", func(h *host) value { return name(h.name) }),
	)
	return r.only()
}
