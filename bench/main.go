// Bench measures "pureclean scan" against the floor (fetching the same pages
// with a bare HTTP client and throwing them away) and against what people use
// today, a shell script of curl, jq, sort and comm. All of them ask the same
// simulated world in one run; what counts are the ratios, because machines
// are noisy and absolute times mean little.
//
//	go run ./bench                      20 000 volumes
//	go run ./bench -volumes 200000      ten times that
//	go run ./bench -slow                only a scan of an array that takes its time
//	go run ./bench -fleet               only how long 64 members take
//	go run ./bench -repair              only what repairs cost
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/simulator/fabric"
)

func main() {
	if err := start(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// start measures what the flags say, or is one of the programs that are measured.
func start(args []string) error {
	switch {
	case len(args) > 2 && args[1] == "-ssh":
		return farSSH(args[2], args[3:])
	case len(args) > 5 && args[1] == "-member":
		return beMember(args[2], args[3], args[4], args[5:])
	}
	volumes := flag.Int("volumes", 20000, "volumes on the array; connections, snapshots and records follow")
	runs := flag.Int("runs", 5, "counted runs of each command")
	script := flag.Bool("script", true, "also run the script of curl and jq")
	onlyFleet := flag.Bool("fleet", false, "measure only how long the members of a cluster take")
	onlyRepair := flag.Bool("repair", false, "measure repairs, with an array that takes its time")
	onlySlow := flag.Bool("slow", false, "measure only how long a scan waits for an array that takes its time")
	hosts := flag.Int("hosts", 1, "with -repair: members of the cluster")
	batches := flag.String("batches", "1,10", "with -repair: how many leftovers each run repairs")
	floorOf := flag.String("floor", "", "be the bare client: fetch what this plan names, and nothing else")
	flag.Parse()
	switch {
	case *floorOf != "":
		return fetch(*floorOf)
	case *onlyRepair:
		return repairs(repairOptions{*volumes, *hosts, numbers(*batches)})
	case *onlySlow:
		return slowScan(*volumes)
	case *onlyFleet:
		return fleetRatio(*runs)
	}
	return measure(*volumes, *runs, *script)
}

// numbers are those of a list; what is none is left out.
func numbers(list string) []int {
	var all []int
	for one := range strings.SplitSeq(list, ",") {
		if n, err := strconv.Atoi(one); err == nil && n > 0 {
			all = append(all, n)
		}
	}
	return all
}

// run is one finished command.
type run struct {
	wall time.Duration
	// cpu is the command's own processor time, without the simulator's.
	cpu  time.Duration
	peak int64 // bytes
	counts
}

func measure(volumes, runs int, withScript bool) error {
	dir, err := os.MkdirTemp("", "pureclean-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()

	began := time.Now()
	w, err := newWorld(dir, volumes, remember)
	if err != nil {
		return fmt.Errorf("building the world: %w", err)
	}
	defer w.close()
	fmt.Printf("world: %s, built in %.1f s\n", w, time.Since(began).Seconds())

	program, err := buildProgram(dir)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	commands := []struct {
		name string
		argv []string
	}{
		{"scan", w.scan(program)},
		{"floor", []string{self, "-floor", w.plan}},
		{"script", []string{"bash", "bench/script.sh", w.array.URL, w.world.Token(), w.socket, dir}},
	}
	if !withScript {
		commands = commands[:2]
	}
	results := map[string][]run{}
	// One round warms up; then the commands take turns, so that a machine
	// that grows slower does so for all of them.
	for i := range runs + 1 {
		for _, command := range commands {
			r, err := w.time(command.argv)
			if err != nil {
				return fmt.Errorf("%s: %w", command.name, err)
			}
			if i > 0 {
				results[command.name] = append(results[command.name], r)
			}
		}
	}
	report(volumes, results)
	if err := devicesRatio(dir, program, runs); err != nil {
		return err
	}
	if err := startRatio(dir, program); err != nil {
		return err
	}
	return fleetRatio(runs)
}

// slowScan measures how long a scan waits for an array that takes its time for
// each request and each row, beside the same requests at four connections that
// never wait for each other.
func slowScan(volumes int) error {
	dir, err := os.MkdirTemp("", "pureclean-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var requests, rows atomic.Int64
	line := &timeline{clock: fabric.NewClock(time.Now())}
	w, err := newWorld(dir, volumes, func(array http.Handler) http.Handler {
		return line.slow(array, func(_ *http.Request, n, _ int) {
			requests.Add(1)
			rows.Add(int64(n))
		})
	})
	if err != nil {
		return fmt.Errorf("building the world: %w", err)
	}
	defer w.close()
	fmt.Printf("world: %s; by its own clock the array takes %s a request and %s a row\n", w, arrayRequest, arrayRow)
	program, err := buildProgram(dir)
	if err != nil {
		return err
	}
	if _, err := w.time(w.scan(program)); err != nil {
		return err
	}
	least := (time.Duration(requests.Load())*arrayRequest + time.Duration(rows.Load())*arrayRow) / 4
	fmt.Printf("\n| %d volumes | requests | rows | waited | four connections, no chain | ratio |\n|---|---|---|---|---|---|\n", volumes)
	fmt.Printf("| scan | %d | %d | %.1f s | %.1f s | %.2f |\n", requests.Load(), rows.Load(), line.waited().Seconds(), least.Seconds(), line.waited().Seconds()/least.Seconds())
	return nil
}

// buildProgram builds pureclean into dir, as it is released.
func buildProgram(dir string) (string, error) {
	program := filepath.Join(dir, "pureclean")
	return program, build(program, "-tags", "urfave_cli_no_docs", ".")
}

// build builds one program, with what "go build" is told besides.
func build(program string, args ...string) error {
	command := exec.Command("go", append([]string{"build", "-trimpath", "-ldflags=-s -w", "-o", program}, args...)...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

func (w *world) scan(program string) []string {
	return []string{program, "scan", "-o", "json", "--config", w.config, "--sysroot", w.tree, "--timeout", "10m"}
}

// time runs a command against the world and counts what it asked.
func (w *world) time(argv []string) (run, error) {
	w.meter.reset()
	command := exec.CommandContext(context.Background(), argv[0], argv[1:]...)
	command.Env = append(os.Environ(), "LXD_SOCKET="+w.socket)
	command.Stdout, command.Stderr = io.Discard, nil
	began := time.Now()
	if err := command.Start(); err != nil {
		return run{}, err
	}
	peak := watchMemory(command.Process.Pid)
	err := command.Wait()
	r := run{wall: time.Since(began), counts: w.meter.counts()}
	r.cpu = command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	r.peak = <-peak
	var exit *exec.ExitError
	if errors.As(err, &exit) && slices.Contains([]int{4, 8}, exit.ExitCode()) {
		err = nil // there are findings, and the tree of the host is a recording
	}
	return r, err
}

// watchMemory reads the process's own high-water mark until it ends. The
// usage that wait returns would not do: it counts the memory of the process
// that forked it, which is this one with its whole world.
func watchMemory(pid int) <-chan int64 {
	result := make(chan int64, 1)
	go func() {
		var peak int64
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, after, found := strings.Cut(string(status), "VmHWM:")
			if err != nil || !found {
				break // it has ended
			}
			var kib int64
			if _, err := fmt.Sscan(after, &kib); err == nil {
				peak = max(peak, kib<<10)
			}
		}
		result <- peak
	}()
	return result
}

// median of one figure over the runs.
func median[T int64 | time.Duration](runs []run, figure func(run) T) T {
	all := make([]T, 0, len(runs))
	for _, r := range runs {
		all = append(all, figure(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func wall(r run) time.Duration { return r.wall }

func report(volumes int, results map[string][]run) {
	fmt.Printf("\n| %d volumes | array: requests + further pages | LXD: requests | bytes | wall | CPU | peak memory | wall / floor |\n|---|---|---|---|---|---|---|---|\n", volumes)
	floor := median(results["floor"], wall)
	for _, name := range []string{"floor", "scan", "script"} {
		runs, ok := results[name]
		if !ok {
			continue
		}
		fmt.Printf("| %s | %d + %d | %d | %.1f MB | %.2f s | %.2f s | %.0f MiB | %.2f |\n", name,
			median(runs, func(r run) int64 { return r.array }),
			median(runs, func(r run) int64 { return r.pages }),
			median(runs, func(r run) int64 { return r.lxd }),
			float64(median(runs, func(r run) int64 { return r.bytes }))/1e6,
			median(runs, wall).Seconds(),
			median(runs, func(r run) time.Duration { return r.cpu }).Seconds(),
			float64(median(runs, func(r run) int64 { return r.peak }))/(1<<20),
			median(runs, wall).Seconds()/floor.Seconds())
	}
	if script, ok := results["script"]; ok {
		fmt.Printf("\nscan is %.1f times as fast as the script.\n", median(script, wall).Seconds()/median(results["scan"], wall).Seconds())
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// devicesRatio compares "pureclean devices" with lsblk on the recording of a
// real machine.
func devicesRatio(dir, program string, runs int) error {
	lsblk, err := exec.LookPath("lsblk")
	if err != nil {
		fmt.Println("\nlsblk is not installed: devices was not compared.")
		return nil
	}
	tree := filepath.Join(dir, "recorded")
	if err := treefs.Unpack("simulator/replay/testdata/05-stale-array-side/root.tar.gz", tree); err != nil {
		return err
	}
	if err := numberDevices(tree); err != nil {
		return err
	}
	var ours, theirs []run
	for i := range 4*runs + 1 {
		for _, c := range []struct {
			into *[]run
			argv []string
		}{
			{&ours, []string{program, "devices", "-o", "json", "--sysroot", tree}},
			{&theirs, []string{lsblk, "--sysroot", tree, "-J", "-O"}},
		} {
			command := exec.Command(c.argv[0], c.argv[1:]...)
			began := time.Now()
			if err := command.Run(); err != nil && (command.ProcessState == nil || command.ProcessState.ExitCode() != 8) {
				return fmt.Errorf("%s: %w", c.argv[0], err)
			}
			if i > 0 {
				used := command.ProcessState.UserTime() + command.ProcessState.SystemTime()
				*c.into = append(*c.into, run{wall: time.Since(began), cpu: used})
			}
		}
	}
	cpu := func(r run) time.Duration { return r.cpu }
	fmt.Printf("\n| recorded host | wall | CPU |\n|---|---|---|\n")
	for _, row := range []struct {
		name string
		runs []run
	}{{"devices", ours}, {"lsblk -J -O", theirs}} {
		fmt.Printf("| %s | %.1f ms | %.1f ms |\n", row.name, milliseconds(median(row.runs, wall)), milliseconds(median(row.runs, cpu)))
	}
	fmt.Printf("\ndevices takes %.2f times as long as lsblk.\n", median(ours, wall).Seconds()/median(theirs, wall).Seconds())
	return nil
}
