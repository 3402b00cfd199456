// Package config reads pureclean.yaml. All of it is optional: on an LXD host
// with rights, everything is taken from LXD's own pool configuration.
package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/pureclean/pureclean/plainfile"
)

// Path is where the configuration is when no other file is named.
const Path = "/etc/pureclean/config.yaml"

// maxBytes bounds a file that was named by mistake.
const maxBytes = 1 << 20

// Config is the content of the file, with defaults where it says nothing.
type Config struct {
	Pools   map[string]Pool   `yaml:"pools"`
	Members map[string]Member `yaml:"members"`
	// SSH is the ssh client with its first arguments; empty means ssh.
	SSH      []string `yaml:"ssh"`
	Safety   Safety   `yaml:"safety"`
	StateDir string   `yaml:"state_dir"`
	// File is where it was read from; empty when there was none.
	File string `yaml:"-"`
}

// Pool overrides what LXD says of the array behind a pool.
type Pool struct {
	Array Array `yaml:"array"`
	// Peers are the other arrays that the pool's pod is stretched to, by a
	// name that is the operator's.
	Peers map[string]Array `yaml:"peers"`
	// MaxShare is Safety's for this pool alone; nil is Safety's.
	MaxShare *Share `yaml:"max_share"`
}

// Array says how to reach an array and how to know that it is the right one.
type Array struct {
	URL string `yaml:"url"`
	// TokenFile holds the API token; readable by its owner alone.
	TokenFile string `yaml:"token_file"`
	CAFile    string `yaml:"ca_file"`
	// Fingerprint is the SHA-256 of the array's certificate, "sha256:HEX".
	Fingerprint string `yaml:"fingerprint"`
	// ID pins the array: any other that answers is refused.
	ID string `yaml:"id"`
}

// Member says how to reach another member of the cluster.
type Member struct {
	// SSH is what ssh is given as destination; empty means the member's name.
	SSH string `yaml:"ssh"`
	// Command is how pureclean is called there, "sudo -n pureclean" for one.
	// It is split at blanks, and no shell's quotes mean anything in it.
	Command string `yaml:"command"`
}

// Safety holds the limits of what may be changed.
type Safety struct {
	MinAge      Duration `yaml:"min_age"`
	ImageMinAge Duration `yaml:"image_min_age"`
	BatchMinAge Duration `yaml:"batch_min_age"`
	MaxShare    Share    `yaml:"max_share"`
	// MaxPerRun bounds a batch; 0 does not. WaveSize is how many of its volumes
	// go together.
	MaxPerRun int `yaml:"max_per_run"`
	WaveSize  int `yaml:"wave_size"`
	// HostEvidenceAge is how old a file of --host-evidence may be.
	HostEvidenceAge Duration `yaml:"host_evidence_age"`
}

// mostInAWave bounds safety.wave_size: what a look about a wave is to rest on
// is old before the last of many more has had its turn, and an array is asked
// for few volumes by id at once.
const mostInAWave = 30

// Default is the configuration without a file.
func Default() Config {
	return Config{
		Safety: Safety{
			MinAge:      Duration(time.Hour),
			ImageMinAge: Duration(24 * time.Hour),
			BatchMinAge: Duration(24 * time.Hour),
			MaxShare:    0.10,
			WaveSize:    30,

			HostEvidenceAge: Duration(time.Hour),
		},
		StateDir: "/var/lib/pureclean",
	}
}

// Error is a configuration that can't be used.
type Error struct {
	File string
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("configuration %s: %v", e.File, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// Load reads the file at path. An empty path means Path, which may be absent.
// Every failure is an *Error.
func Load(path string) (Config, error) {
	data, file, err := read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && path == "":
		return Default(), nil
	case err != nil:
		return Config{}, &Error{file, err}
	}
	c, err := parse(data)
	if err != nil {
		return Config{}, &Error{file, err}
	}
	c.File = file
	return c, nil
}

// read returns what the file at path holds, and its name.
func read(path string) (data []byte, name string, err error) {
	path = cmp.Or(path, Path)
	data, err = plainfile.Read(path, maxBytes)
	return data, path, err
}

func parse(data []byte) (Config, error) {
	c := Default()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	// A key that is misspelled is a safety limit that is not in force.
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, plain(err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("it holds more than one document")
	}
	return c, c.check()
}

// plain says what yaml's "field x not found in type config.Config" means.
func plain(err error) error {
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		return errors.New(repeated.ReplaceAllString(err.Error(), "${1}(not shown)"))
	}
	lines := make([]string, 0, len(typed.Errors))
	for _, line := range typed.Errors {
		if m := twice.FindStringSubmatch(line); m != nil {
			key, _ := strconv.Unquote(m[2])
			line = m[1] + shownKey(key) + m[3]
		}
		before, after, found := strings.Cut(line, ": field ")
		if key, _, ok := strings.Cut(after, " not found in type"); found && ok {
			line = before + ": unknown key " + shownKey(key)
		}
		if before, after, found := strings.Cut(line, ": cannot unmarshal "); found {
			value, kind, _ := strings.Cut(strings.TrimPrefix(after, "!!"), " into ")
			_, value, _ = strings.Cut(value, " ")
			line = strings.TrimSuffix(fmt.Sprintf("%s: %s is not %s", before, value, kindOf(kind)), " ")
		}
		lines = append(lines, line)
	}
	return errors.New(strings.Join(lines, "; "))
}

// likeAKey is what may be a key of ours that is misspelled. What else stands where
// one is looked for, in a file that was named by mistake, may be a secret.
var likeAKey = regexp.MustCompile(`^[A-Za-z_.-]{1,32}$`)

// twice and repeated are where yaml's own words repeat what is in a file.
var (
	twice    = regexp.MustCompile(`(?s)^(line \d+: mapping key )(".*")( already defined at line \d+)$`)
	repeated = regexp.MustCompile(`(?s)(anchor |invalid map key: |cannot decode ).*`)
)

func shownKey(key string) string {
	if !likeAKey.MatchString(key) {
		return "(not shown: it is not like one of ours)"
	}
	return strconv.Quote(key)
}

// kindOf says what kind of value a Go type holds.
func kindOf(goType string) string {
	switch {
	case strings.HasPrefix(goType, "map"), strings.HasPrefix(goType, "config."):
		return "a list of keys and values"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case goType == "int":
		return "a whole number"
	default:
		return "a " + goType
	}
}

// arrayID is the form of an array's id.
var arrayID = regexp.MustCompile(`^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (c Config) check() error {
	for _, limit := range []struct {
		key   string
		value Duration
	}{
		{"safety.min_age", c.Safety.MinAge},
		{"safety.image_min_age", c.Safety.ImageMinAge},
		{"safety.batch_min_age", c.Safety.BatchMinAge},
		{"safety.host_evidence_age", c.Safety.HostEvidenceAge},
	} {
		if limit.value < 0 {
			return fmt.Errorf("%s is negative", limit.key)
		}
	}
	if c.Safety.MaxPerRun < 0 {
		return errors.New("safety.max_per_run is negative")
	}
	if c.Safety.WaveSize < 1 || c.Safety.WaveSize > mostInAWave {
		return fmt.Errorf("safety.wave_size is not between 1 and %d", mostInAWave)
	}
	for _, pool := range slices.Sorted(maps.Keys(c.Pools)) {
		if strings.TrimSpace(pool) != pool || pool == "" || strings.ContainsAny(pool, "*?/") {
			return fmt.Errorf("pools: %q is not the name of one of LXD's pools", pool)
		}
		if id := c.Pools[pool].Array.ID; id != "" && !arrayID.MatchString(id) {
			return fmt.Errorf("pools.%s.array.id: %q is not the id of an array: pureclean scan -o json prints it", pool, id)
		}
		for _, peer := range slices.Sorted(maps.Keys(c.Pools[pool].Peers)) {
			// LXD knows nothing of peers: what is not said here is said nowhere.
			switch a := c.Pools[pool].Peers[peer]; {
			case a.URL == "":
				return fmt.Errorf("%s.url is missing", peerKey(pool, peer))
			case a.TokenFile == "":
				return fmt.Errorf("%s.token_file is missing", peerKey(pool, peer))
			}
		}
	}
	if len(c.SSH) > 0 && c.SSH[0] == "" {
		return errors.New("ssh begins with an empty word")
	}
	if c.StateDir == "" {
		return errors.New("state_dir is empty")
	}
	return nil
}

// peerKey is where the configuration speaks of a pool's peer.
func peerKey(pool, peer string) string { return "pools." + pool + ".peers." + peer }

// Duration is a time span written as 90m, 24h or 7d.
type Duration time.Duration

// UnmarshalYAML reads a span; a bare number has no unit and is refused.
func (d *Duration) UnmarshalYAML(node *yaml.Node) error {
	span, err := ParseDuration(node.Value)
	if err != nil || node.Kind != yaml.ScalarNode {
		return wrongAt(node, "is not a time span such as 90m, 24h or 7d")
	}
	*d = Duration(span)
	return nil
}

// wrongAt is an error after which the decoder goes on, so that all that is
// wrong with a file is said at once.
func wrongAt(node *yaml.Node, what string) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q %s", node.Line, node.Value, what)}}
}

// ParseDuration reads what time.ParseDuration does, and whole days ("7d").
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}

// Share is a part of the whole, from 0 to 1, written as a percentage.
type Share float64

// UnmarshalYAML reads "10%"; a number without the sign is refused, because
// 10 and 0.1 would both look right.
func (s *Share) UnmarshalYAML(node *yaml.Node) error {
	digits, ok := strings.CutSuffix(node.Value, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if !ok || err != nil || math.IsNaN(n) || n < 0 || n > 100 {
		return wrongAt(node, "is not a percentage from 0% to 100%")
	}
	*s = Share(n / 100)
	return nil
}
