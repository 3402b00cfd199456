package config

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/pureclean/pureclean/plainfile"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File string `json:"file"`
	// Line is 0 for what is wrong with the file as a whole.
	Line int    `json:"line"`
	Key  string `json:"key"`
	What string `json:"what"`
	// Do is what to do about it.
	Do string `json:"do"`
}

// Where is the place as compilers write it, so that editors can go there.
func (p Problem) Where() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Checks are what those say who use a configuration: this package knows neither
// ssh nor an array, and there is one place for each rule.
type Checks struct {
	URL    func(string) error
	Member func(Member) error
}

// Inspect looks for everything that is wrong with the file at path, with the
// files that it names, and with those that the environment names. Load stops
// at the first of them, and looks into token files only when it needs one.
// found is false when there is no file, and none need be.
func Inspect(path string, getenv func(string) string, checks Checks) (file string, found bool, problems []Problem) {
	data, file, err := read(path)
	in := &inspection{file: file, checks: checks}
	switch {
	case errors.Is(err, fs.ErrNotExist) && path == "":
		in.tokenOfEnvironment(getenv)
		return file, false, in.problems
	case err != nil:
		in.add("", strings.TrimPrefix(cause(err), file+": "), "name a file that can be read, or run as root; without one everything is taken from LXD")
		return file, true, in.problems
	}
	in.lines = linesOf(data)
	in.others(file)
	c, err := parse(data)
	if err != nil {
		in.wrong(err)
	}
	in.decoded(data, &c)
	in.arrays(c)
	in.members(c)
	in.stateDir(c)
	in.tokenOfEnvironment(getenv)
	slices.SortStableFunc(in.problems, func(a, b Problem) int {
		return (a.Line - b.Line)
	})
	return file, true, in.problems
}

// inspection collects what is wrong.
type inspection struct {
	file     string
	checks   Checks
	lines    map[string]int
	problems []Problem
}

func (in *inspection) add(key, what, do string) {
	in.problems = append(in.problems, Problem{File: in.file, Line: in.lines[key], Key: key, What: what, Do: do})
}

// others refuses a file that others may write: the limits of safety are in it.
func (in *inspection) others(path string) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o022 != 0 {
		in.add("", fmt.Sprintf("others may change it (mode %04o), and with it the limits of safety", info.Mode().Perm()), "chmod go-w "+path)
	}
}

var lineNumber = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)

// wrong takes an error of parse apart: one problem for each line.
func (in *inspection) wrong(err error) {
	for what := range strings.SplitSeq(err.Error(), "; ") {
		p := Problem{File: in.file, What: what, Do: "see pureclean.yaml(5)"}
		if m := lineNumber.FindStringSubmatch(what); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
			p.What = what[len(m[0]):]
		} else if key, _, _ := strings.Cut(what, " "); in.lines[key] > 0 {
			p.Key, p.Line = key, in.lines[key]
		}
		if key, ok := strings.CutPrefix(p.What, "unknown key "); ok {
			p.Key = strings.Trim(key, `"`)
			p.Do = "the keys here are " + strings.Join(keysBeside(in.lines, p.Key, p.Line), ", ")
		}
		in.problems = append(in.problems, p)
	}
}

// keysBeside are the keys that a configuration knows where an unknown one
// stands.
func keysBeside(lines map[string]int, key string, line int) []string {
	at := reflect.TypeFor[Config]()
	for full, n := range lines {
		// The key itself has a value, or one of its own keys has.
		parts := strings.Split(full, ".")
		i := slices.Index(parts, key)
		if i < 0 || n < line {
			continue
		}
		below, ok := typeAt(reflect.TypeFor[Config](), parts[:i])
		if ok {
			at = below
		}
	}
	var all []string
	for i := range at.NumField() {
		if tag := at.Field(i).Tag.Get("yaml"); tag != "" && tag != "-" {
			all = append(all, tag)
		}
	}
	return all
}

// typeAt follows keys into the types of a configuration.
func typeAt(at reflect.Type, keys []string) (reflect.Type, bool) {
	for _, key := range keys {
		switch at.Kind() {
		case reflect.Map:
			at = at.Elem()
		case reflect.Struct:
			i := 0
			for i < at.NumField() && at.Field(i).Tag.Get("yaml") != key {
				i++
			}
			if i == at.NumField() {
				return nil, false
			}
			at = at.Field(i).Type
		default:
			return nil, false
		}
	}
	return at, at.Kind() == reflect.Struct
}

// decoded reads what can be read of a file in which something else is wrong,
// so that the rest is looked at all the same.
func (in *inspection) decoded(data []byte, c *Config) {
	if len(in.problems) > 0 {
		*c = Default()
		_ = yaml.Unmarshal(data, c) // what is wrong with it was said
	}
}

var fingerprint = regexp.MustCompile(`^sha256:`)

// arrays looks at what the file says of arrays, and into the files it names.
func (in *inspection) arrays(c Config) {
	for _, pool := range slices.Sorted(maps.Keys(c.Pools)) {
		in.array("pools."+pool+".array.", c.Pools[pool].Array)
		for _, peer := range slices.Sorted(maps.Keys(c.Pools[pool].Peers)) {
			in.array(peerKey(pool, peer)+".", c.Pools[pool].Peers[peer])
		}
	}
}

func (in *inspection) array(at string, a Array) {
	if a.URL != "" {
		if err := in.checks.URL(a.URL); err != nil {
			in.add(at+"url", err.Error(), "give the array's address as in https://array.example, and nothing else")
		}
	}
	if a.TokenFile != "" {
		in.token(at+"token_file", a.TokenFile)
	}
	if a.CAFile != "" {
		in.authorities(at+"ca_file", a.CAFile)
	}
	digits := strings.ReplaceAll(fingerprint.ReplaceAllString(strings.ToLower(a.Fingerprint), ""), ":", "")
	if sum, err := hex.DecodeString(digits); a.Fingerprint != "" && (err != nil || len(sum) != 32 || !fingerprint.MatchString(strings.ToLower(a.Fingerprint))) {
		in.add(at+"fingerprint", fmt.Sprintf("%q is not the SHA-256 of a certificate", a.Fingerprint),
			"write sha256: and 64 hexadecimal digits: openssl x509 -noout -fingerprint -sha256 prints them")
	}
}

// members looks at what the file says of machines: each of its words ends in a
// command line of ssh.
func (in *inspection) members(c Config) {
	for _, name := range slices.Sorted(maps.Keys(c.Members)) {
		at, m := "members."+name+".", c.Members[name]
		if err := in.checks.Member(Member{SSH: m.SSH}); err != nil {
			in.add(at+"ssh", err.Error(), "write a host's name, user@host, or a name from ssh's own configuration")
		}
		if err := in.checks.Member(Member{Command: m.Command}); err != nil {
			in.add(at+"command", err.Error(), "write how pureclean is called there, as in: sudo -n pureclean")
		}
	}
}

func (in *inspection) absolute(key, path string) {
	if !filepath.IsAbs(path) {
		in.add(key, path+" is not an absolute path: what it means depends on where pureclean is started", "begin it with /")
	}
}

// token says what is wrong with a token file, and never what is in it.
func (in *inspection) token(key, path string) {
	in.absolute(key, path)
	_, err := readToken(path, true)
	var open *openToOthersError
	switch {
	case err == nil:
	case errors.As(err, &open):
		in.add(key, fmt.Sprintf("%s can be read by others (mode %04o)", path, open.Mode), "chmod 600 "+path+", and make a new token: others may have this one")
	case errors.Is(err, fs.ErrNotExist):
		in.add(key, "there is no file "+path, "write the array's API token into it, with mode 0600; without token_file LXD's is used")
	case errors.Is(err, fs.ErrPermission):
		in.add(key, path+" can't be read by this user", "run as root, as the repair would")
	default:
		in.add(key, cause(err), "one line with the API token and nothing else belongs into it")
	}
}

// maxCA bounds a file of authorities; a whole system's is smaller.
const maxCA = 4 << 20

// ReadCA reads a file of authorities, of a pool or of a peer.
func ReadCA(path string) ([]byte, error) { return plainfile.Read(path, maxCA) }

func (in *inspection) authorities(key, path string) {
	in.absolute(key, path)
	data, err := ReadCA(path)
	switch {
	case err != nil:
		in.add(key, cause(err), "name the PEM file of the authority that signed the array's certificate")
	case !x509.NewCertPool().AppendCertsFromPEM(data):
		in.add(key, path+" holds no certificate in PEM", "name the PEM file of the authority that signed the array's certificate")
	}
}

func (in *inspection) tokenOfEnvironment(getenv func(string) string) {
	if path := getenv(TokenFileVariable); path != "" {
		before := len(in.problems)
		in.token("", path)
		for i := range in.problems[before:] {
			in.problems[before+i].File, in.problems[before+i].Key = "$"+TokenFileVariable, TokenFileVariable
		}
	}
}

// stateDir looks at the directory of the journal; it need not be there yet.
func (in *inspection) stateDir(c Config) {
	const key = "state_dir"
	if c.StateDir == "" {
		return
	}
	in.absolute(key, c.StateDir)
	info, err := os.Stat(c.StateDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		in.add(key, cause(err), "run as root, as the repair would")
	case !info.IsDir():
		in.add(key, c.StateDir+" is not a directory", "name a directory of pureclean's own")
	case info.Mode().Perm()&0o022 != 0:
		in.add(key, fmt.Sprintf("others may write into %s (mode %04o), where the journal is", c.StateDir, info.Mode().Perm()), "name a directory that only root can write to")
	}
}

// cause is an error without the name of the call that failed.
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Path + ": " + path.Err.Error()
	}
	var whole *Error
	if errors.As(err, &whole) {
		return whole.Err.Error()
	}
	return err.Error()
}
