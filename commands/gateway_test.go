package commands

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/internal/worlds"
)

// gatewayLines are the command lines with which each command names an array's
// URL if it ever does; nil is a command that asks no array and reads no file.
var gatewayLines = map[string][][]string{
	"scan":         {{}, {"--quiet"}, {"--verbose"}, {"--debug"}},
	"check":        {{}},
	"doctor":       {{}, {"--verbose"}},
	"verify":       {{"purepool::u-12221782dd994aaaaa9a4a4d9243a1f0"}},
	"explain":      {{"custom/archive"}},
	"fix":          {{"--all", "--yes"}, {"--all", "--dry-run"}, {"purepool::u-12221782dd994aaaaa9a4a4d9243a1f0", "--dry-run"}},
	"eradicate":    {{"--volume", "purepool::u-12221782dd994aaaaa9a4a4d9243a1f0", "--confirm", "purepool::u-12221782dd994aaaaa9a4a4d9243a1f0"}},
	"undo":         {{"--last", "--yes"}},
	"runs":         {{}},
	"devices":      {{}},
	"config show":  {{}},
	"config check": {{}},
	"demo":         nil,
	"completion":   nil,
	"version":      nil,
}

// TestGatewayIsShownWithoutItsPassword: what stands before the @ of an array's URL
// may be a password. No command prints it, in no format, whether the configuration
// names the URL or LXD does; LXD itself takes such a URL.
func TestGatewayIsShownWithoutItsPassword(t *testing.T) {
	const user, password = "hiddenuser", "secretpw"
	for _, source := range []string{"LXD", "the configuration", "the configuration of a peer"} {
		t.Run(source, func(t *testing.T) {
			name := "healthy-iscsi"
			if strings.Contains(source, "peer") {
				name = "stretched-pod"
			}
			b := newBench(t, worlds.Of(t, name))
			pool := b.world.Pool()
			file := filepath.Join(t.TempDir(), "config.yaml")
			text := "state_dir: " + b.s.given.config.StateDir + "\n"
			with := func(url string) string { return strings.Replace(url, "https://", "https://"+user+":"+password+"@", 1) }
			url := with(b.world.Server.URL)
			own := b.s.given.config.Pools[pool]
			switch source {
			case "LXD":
				if err := b.world.LXD.SetPoolConfig(pool, "pure.gateway", url); err != nil {
					t.Fatal(err)
				}
			case "the configuration":
				own.Array.URL = url
				text += "pools: {" + pool + ": {array: {url: \"" + url + "\"}}}\n"
			default:
				for peer, a := range own.Peers {
					url = with(a.URL)
					a.URL = url
					own.Peers[peer] = a
					text += "pools: {" + pool + ": {peers: {" + peer + ": {url: \"" + url + "\", token_file: /t}}}}\n"
				}
			}
			b.s.given.config.Pools = map[string]config.Pool{pool: own}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			named := 0
			try := func(c *cli.Command, name string) {
				lines, known := gatewayLines[name]
				if _, group := gatewayLines[strings.Fields(name)[0]]; !known && !group {
					t.Errorf("%s is a command that gatewayLines does not know", name)
				}
				for _, flag := range c.Flags {
					if !slices.Contains(flag.Names(), outputNames[0]) {
						continue
					}
					for _, format := range choicesOf(flag) {
						for _, line := range lines {
							args := slices.Concat(strings.Fields(name), line, []string{"--config", file, "-o", format})
							_, out, errs := b.run("", args...)
							if said := out + errs; strings.Contains(said, user) || strings.Contains(said, password) {
								t.Errorf("%q prints it:\n%s", args, said)
							} else if strings.Contains(said, "holds a user name") {
								named++
							}
						}
					}
				}
			}
			for _, c := range App(b.s).Commands {
				if len(c.Subcommands) == 0 {
					try(c, c.Name)
				}
				for _, sub := range c.Subcommands {
					try(sub, c.Name+" "+sub.Name)
				}
			}
			if named < 10 {
				t.Errorf("only %d command lines say what is wrong with it", named)
			}
		})
	}
}
