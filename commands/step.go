package commands

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/kernel"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/fleet"
)

// stepFlags are all that a step takes. It is done as root for a user whom sudo
// allows this and no more, so nothing that the user says or has in the
// environment names a file, a directory or another machine to read.
var stepFlags = []string{"remove", "step"}

// runStep does one step for somebody who asks over ssh.
func runStep(c *cli.Context, o *devicesOptions) error {
	var serials []evidence.Serial
	var err error
	for _, text := range o.remove.Value() {
		serial, bad := evidence.ParseSerial(text)
		serials, err = append(serials, serial), errors.Join(err, bad)
	}
	switch other := otherFlag(c); {
	case o.step == "":
		return withHint(usagef("--remove is for pureclean on other members, which says the step and answers for it"),
			"pureclean fix --finding stale-map, or fix --volume VOLUME, removes devices")
	case len(serials) == 0 || err != nil:
		return usagef("--remove takes a volume's serial, 24 hexadecimal digits")
	case !slices.Contains(fleet.Steps(), o.step):
		return usagef("unknown step %q; there is %s", o.step, strings.Join(fleet.Steps(), ", "))
	case other != "":
		return usagef("--%s does not go with --step: a step goes by this machine and its own configuration", other)
	case o.InTerminal:
		return withHint(usagef("a step is asked for by pureclean on another member, not at a terminal"), "pureclean fix removes devices")
	}
	from, err := o.stepSources()
	if err != nil {
		return err
	}
	// As a repair that begins here: what others can write to is not gone by. Of
	// what is said over ssh the last line is told.
	if err := trusted(from.config); err != nil {
		if hinted := (*HintedError)(nil); errors.As(err, &hinted) {
			return fmt.Errorf("%w: %s", hinted.Err, hinted.Hint)
		}
		return err
	}
	// When ssh has gone, writing fails, and the step is taken back; by default
	// the signal would end it in the middle.
	signal.Ignore(syscall.SIGPIPE)
	service := fleet.Service{
		Local: release.Local{System: from.host, Writer: from.localWriter(), Sleep: from.sleep}, Step: o.step, Serials: serials, Version: version(),
		Lock: func(ctx context.Context) (func(), error) { return lockMachine(ctx, from.config.StateDir) },
	}
	return service.Serve(c.Context, o.In, o.Out)
}

// otherFlag is a flag that was given and that no step takes, by its longest name.
func otherFlag(c *cli.Context) string {
	for _, flag := range c.Command.Flags {
		names := flag.Names()
		if name := slices.MaxFunc(names, func(a, b string) int { return len(a) - len(b) }); c.IsSet(name) && !slices.Contains(stepFlags, name) {
			return name
		}
	}
	return ""
}

// stepSources are this machine and its own configuration.
func (o *devicesOptions) stepSources() (sources, error) {
	if o.Streams.given != nil {
		return *o.Streams.given, nil
	}
	settings, err := stepConfig("")
	return sources{config: settings, host: devices.Live(kernel.Live())}, err
}

// stepConfig reads the machine's own configuration. What is wrong with it is
// for its root to see: whoever asks for a step may not be allowed to.
func stepConfig(path string) (config.Config, error) {
	settings, err := config.Load(path)
	if err != nil {
		return config.Config{}, withHint(errors.New("this machine's configuration "+config.Path+" can't be used"),
			"pureclean doctor there, as root, says why")
	}
	return settings, nil
}
