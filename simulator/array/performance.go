package array

import (
	"slices"
	"strings"
	"time"
)

// perf is a measurement of I/O. Latencies follow from there being any.
type perf struct{ reads, writes int64 }

const (
	bytesPerRead  = 16384
	bytesPerWrite = 8192
	usecPerRead   = 250
	usecPerWrite  = 180
)

// at is the volume's I/O at a time in milliseconds.
func (v *volume) at(ms int64) perf {
	var p perf
	for _, l := range v.activity {
		if l.from <= ms {
			p = perf{l.reads, l.writes}
		}
	}
	return p
}

// perfColumns are the measurements of a row.
func perfColumns[T any](at func(*call, T) (perf, int64)) []column[T] {
	col := func(path string, f func(perf) int64) column[T] {
		return column[T]{path: path, total: true, get: func(c *call, row T) value { p, _ := at(c, row); return number(f(p)) }}
	}
	none := func(perf) int64 { return 0 }
	when := func(ops func(perf) int64, each int64) func(perf) int64 {
		return func(p perf) int64 {
			if ops(p) == 0 {
				return 0
			}
			return each
		}
	}
	reads, writes := func(p perf) int64 { return p.reads }, func(p perf) int64 { return p.writes }
	both := func(p perf) int64 { return p.reads + p.writes }
	return []column[T]{
		col("mirrored_write_bytes_per_sec", none),
		col("mirrored_writes_per_sec", none),
		col("usec_per_mirrored_write_op", none),
		col("san_usec_per_mirrored_write_op", none),
		col("queue_usec_per_mirrored_write_op", none),
		col("qos_rate_limit_usec_per_mirrored_write_op", none),
		col("service_usec_per_mirrored_write_op", none),
		col("bytes_per_mirrored_write", none),
		{path: "time", total: true, get: func(c *call, row T) value { _, ms := at(c, row); return number(ms) }},
		col("read_bytes_per_sec", func(p perf) int64 { return p.reads * bytesPerRead }),
		col("write_bytes_per_sec", func(p perf) int64 { return p.writes * bytesPerWrite }),
		col("usec_per_read_op", when(reads, usecPerRead)),
		col("usec_per_write_op", when(writes, usecPerWrite)),
		col("reads_per_sec", reads),
		col("writes_per_sec", writes),
		col("queue_usec_per_read_op", none),
		col("queue_usec_per_write_op", none),
		col("qos_rate_limit_usec_per_read_op", none),
		col("qos_rate_limit_usec_per_write_op", none),
		col("san_usec_per_read_op", none),
		col("san_usec_per_write_op", none),
		col("service_usec_per_read_op", when(reads, usecPerRead)),
		col("service_usec_per_write_op", when(writes, usecPerWrite)),
		col("bytes_per_read", when(reads, bytesPerRead)),
		col("bytes_per_write", when(writes, bytesPerWrite)),
		col("bytes_per_op", func(p perf) int64 {
			if both(p) == 0 {
				return 0
			}
			return (p.reads*bytesPerRead + p.writes*bytesPerWrite) / both(p)
		}),
		{path: "service_usec_per_read_op_cache_reduction", total: true, get: func(*call, T) value { return nothing() }},
	}
}

// sample is one measurement of one volume.
type sample struct {
	rank
	volume *volume // nil in the aggregate row
	time   int64
	perf   perf
}

// resolutions are the distances between samples that are kept, in ms.
var resolutions = []int64{30000, 300000, 1800000, 7200000, 28800000, 86400000}

// maxSamples bounds a history, which multiplies volumes by times.
const maxSamples = 5_000_000

// volumePerformance lists what volumes do now, or did from start_time to
// end_time in steps of resolution.
func volumePerformance() operation {
	columns := slices.Concat(
		perfColumns(func(_ *call, s *sample) (perf, int64) { return s.perf, s.time }),
		[]column[*sample]{
			{path: "name", get: func(_ *call, s *sample) value {
				if s.volume == nil {
					return nothing()
				}
				return str(s.volume.name)
			}},
			{path: "id", get: func(_ *call, s *sample) value {
				if s.volume == nil {
					return nothing()
				}
				return str(s.volume.id)
			}},
		},
		answering[*sample](),
	)
	r := &resource[*sample]{
		path: "/volumes/performance", columns: columns, tokenSince: 38,
		narrow:    samples,
		destroyed: func(s *sample) bool { return s.volume.destroyed },
		total:     totalSamples,
		more:      append([]string{"names", "ids"}, historyParameters...),
	}
	return r.operation()
}

// samples are all rows: for each volume, its times in order.
func samples(c *call) ([]*sample, bool, error) {
	if c.state.idlePerf {
		return nil, true, nil
	}
	volumes := c.state.volumes.rows
	if c.query.Has("names") || c.query.Has("ids") {
		volumes = nil
		err := apply(c, "names", "ids", c.state.volume, c.state.volumeByID, func(v *volume) error {
			volumes = append(volumes, v)
			return nil
		})
		if err != nil {
			return nil, false, err
		}
		volumes = sortRows(volumes)
	}
	times, err := sampleTimes(c)
	if err != nil {
		return nil, false, err
	}
	if len(volumes)*len(times) > maxSamples {
		return nil, false, refuse(badParameter, "resolution")
	}
	all := make([]sample, 0, len(volumes)*len(times))
	rows := make([]*sample, 0, cap(all))
	for _, v := range volumes {
		for i, ms := range times {
			if len(times) > 1 && ms < v.created {
				continue
			}
			all = append(all, sample{rank(uint64(v.rank)*maxSamples + uint64(i)), v, ms, v.at(ms)})
			rows = append(rows, &all[len(all)-1])
		}
	}
	return rows, true, nil
}

// sampleTimes are the times asked for: now, or a history.
func sampleTimes(c *call) ([]int64, error) {
	start, started, err := c.count("start_time")
	if err != nil {
		return nil, err
	}
	end, ended, err := c.count("end_time")
	if err != nil {
		return nil, err
	}
	step, stepped, err := c.count("resolution")
	if err != nil {
		return nil, err
	}
	now := c.now.UnixMilli()
	if !started && !ended && !stepped {
		return []int64{now}, nil
	}
	if !stepped {
		step = resolutions[0]
	}
	if !slices.Contains(resolutions, step) {
		return nil, refuse(badParameter, "resolution")
	}
	if !ended {
		end = now
	}
	if !started {
		start = end - step
	}
	end = min(end, now)
	// History goes back a year; without that bound, a start of 0 is endless.
	start = max(start, now-(366*24*time.Hour).Milliseconds())
	var times []int64
	for ms := (start + step - 1) / step * step; ms <= end; ms += step {
		times = append(times, ms)
	}
	return times, nil
}

// totalSamples adds up the rows of each time.
func totalSamples(c *call, rows []*sample) []*sample {
	sums := map[int64]*sample{}
	var totals []*sample
	for _, s := range rows {
		if sums[s.time] == nil {
			sums[s.time] = &sample{time: s.time}
			totals = append(totals, sums[s.time])
		}
		sums[s.time].perf.reads += s.perf.reads
		sums[s.time].perf.writes += s.perf.writes
	}
	return totals
}

// io is what a host does: all of the I/O of the volumes whose first
// connection it has. The array can't know more here, as I/O is set by volume.
func (h *host) io(ms int64) perf {
	var sum perf
	for _, r := range h.connections {
		if r.volume.connections[0] == r {
			p := r.volume.at(ms)
			sum.reads, sum.writes = sum.reads+p.reads, sum.writes+p.writes
		}
	}
	return sum
}

// hostPerformance lists what hosts do now; no history is kept.
func hostPerformance() *resource[*host] {
	columns := slices.Concat(
		perfColumns(func(c *call, h *host) (perf, int64) {
			now := c.now.UnixMilli()
			return memo(c, h, func() perf { return h.io(now) }), now
		}),
		[]column[*host]{{path: "name", get: func(_ *call, h *host) value { return name(h.name) }}},
		answering[*host](),
	)
	return &resource[*host]{
		path: "/hosts/performance", columns: columns, tokenSince: 38,
		rows:  func(c *call) []*host { return c.state.hosts.rows },
		named: func(c *call, n string) (*host, error) { return c.state.host(n) },
		total: func(_ *call, rows []*host) []*host {
			sum := &host{}
			for _, h := range rows {
				sum.connections = append(sum.connections, h.connections...)
			}
			return []*host{sum}
		},
		more:   historyParameters,
		narrow: noHistory[*host],
	}
}

// historyParameters ask what was.
var historyParameters = []string{"start_time", "end_time", "resolution"}

// noHistory refuses to answer what was with what is.
func noHistory[T any](c *call) ([]T, bool, error) {
	for _, p := range historyParameters {
		if c.query.Has(p) {
			return nil, false, refuse(unsupported, p)
		}
	}
	return nil, false, nil
}

// pathRow is one initiator of a host seen through one port.
type pathRow struct {
	rank
	host      *host
	port      nic
	initiator string
}

// hostBalance lists how a host's I/O spreads over its paths: evenly here.
func hostBalance() *resource[*pathRow] {
	pick := func(prefix string) func(*call, *pathRow) value {
		return func(_ *call, p *pathRow) value {
			isWWN := !strings.Contains(p.initiator, ".")
			if strings.HasPrefix(p.initiator, prefix) && prefix != "" || prefix == "" && isWWN {
				return str(p.initiator)
			}
			return nothing()
		}
	}
	ops := func(c *call, p *pathRow) int64 {
		io := memo(c, p, func() perf { return p.host.io(c.now.UnixMilli()) })
		return (io.reads + io.writes) * resolutions[0] / 1000 / 2
	}
	columns := slices.Concat([]column[*pathRow]{
		{path: "name", get: func(_ *call, p *pathRow) value { return name(p.host.name) }},
		{path: "time", get: func(c *call, _ *pathRow) value { return number(c.now.UnixMilli()) }},
		{path: "target.name", get: func(_ *call, p *pathRow) value { return name(strings.ToUpper(p.port.name)) }},
		{path: "target.iqn", get: func(_ *call, p *pathRow) value { return name(p.port.iqn) }},
		{path: "target.nqn", get: func(_ *call, p *pathRow) value { return name(p.port.nqn) }},
		{path: "target.portal", get: func(_ *call, p *pathRow) value { return name(p.port.portal) }},
		{path: "target.wwn", get: func(_ *call, p *pathRow) value { return name(p.port.wwn) }},
		{path: "target.failover", get: func(*call, *pathRow) value { return nothing() }},
		{path: "initiator.iqn", get: pick("iqn.")},
		{path: "initiator.nqn", get: pick("nqn.")},
		{path: "initiator.portal", get: func(*call, *pathRow) value { return nothing() }},
		{path: "initiator.wwn", get: pick("")},
		{path: "op_count", get: func(c *call, p *pathRow) value { return number(ops(c, p)) }},
		{path: "fraction_relative_to_max", get: func(c *call, p *pathRow) value {
			if ops(c, p) == 0 {
				return ratio(0)
			}
			return ratio(1)
		}},
	}, answering[*pathRow]())
	paths := func(c *call, hosts ...*host) []*pathRow {
		var rows []*pathRow
		for _, h := range hosts {
			for _, n := range c.array.options.ports() {
				for _, i := range h.initiators() {
					if n.iqn != "" && slices.Contains(h.iqns, i) || n.nqn != "" && slices.Contains(h.nqns, i) || n.wwn != "" && slices.Contains(h.wwns, i) {
						rows = append(rows, &pathRow{h.rank<<16 + rank(len(rows)), h, n, i})
					}
				}
			}
		}
		return rows
	}
	return &resource[*pathRow]{
		path: "/hosts/performance/balance", columns: columns, tokenSince: 38, more: []string{"names"},
		narrow: func(c *call) (rows []*pathRow, handled bool, err error) {
			if !c.query.Has("names") {
				return paths(c, c.state.hosts.rows...), true, nil
			}
			err = apply(c, "names", "", c.state.host, nil, func(h *host) error {
				rows = append(rows, paths(c, h)...)
				return nil
			})
			return rows, true, err
		},
	}
}
