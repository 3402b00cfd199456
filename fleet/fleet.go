// Package fleet asks the machines of other members, and lets them do what has
// to be done there: over the system's own OpenSSH client, so that its
// configuration, agent, jump hosts, known hosts and multiplexing are the
// operator's. What answers is pureclean on that machine.
//
// Two things are asked. "devices -o json" is one look at the machine (Ask).
// "devices --remove SERIAL --step STEP" is one step of release.Releaser there,
// for one volume or for several that are each named,
// as a conversation (Machine here, Serve there): the machine looks and judges
// for itself, and asks back before each single write, so that the write
// stands in the journal here before it is made there. When it gets no answer
// it writes nothing more, and takes back what it did.
//
// No name of LXD's or of the array's ever becomes a word of a shell: the only
// arguments that vary are serials, which are 24 hexadecimal digits. All else
// goes through stdin and stdout. A machine that does not answer, or not as it
// should, is unknown, with the reason; nobody is waited for without end.
package fleet

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

const (
	// askLimit bounds one look at a machine: reading a thousand devices of
	// which one does not answer takes seconds.
	askLimit = time.Minute
	// connectSeconds is ssh's own limit for reaching a machine.
	connectSeconds = 10
)

// Member says how a member is reached.
type Member struct {
	// Destination is what ssh is given: a name, "user@name", an alias of the
	// operator's configuration. Empty means the member's own name.
	Destination string
	// Command is how pureclean is called there; empty means "pureclean".
	Command []string
}

// Options say how machines are reached.
type Options struct {
	// Members are by LXD's names. One that is not here is reached by its name.
	Members map[string]Member
	// Client is the ssh client with its first arguments; empty means "ssh".
	Client []string
	// Version is that of this program, for words. What a machine must have the
	// same is a conversation, see conversations.
	Version string
	// Push sends this program along to a machine that has none, or another.
	Push bool
	// Program opens what Push sends; nil means the running program.
	Program func() (fs.File, error)
	// Limit bounds one look at one machine; 0 means a minute.
	Limit time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	// conversations are those that are understood; nil means the table.
	conversations []conversation
}

// Fleet reaches the machines of other members.
type Fleet struct {
	o Options

	mu sync.Mutex
	// pushed are the members that needed this program to be sent along.
	pushed map[string]bool
	// spoken is the version of the conversation in which a member answered.
	spoken map[string]int
	// alone are the members on which a step for several volumes was declined.
	alone map[string]bool
	// holders are the runs that worked from members when they last answered.
	holders map[string]Holder
}

// New makes a fleet. The members' destinations and commands must have passed
// CheckMember.
func New(o Options) *Fleet {
	if len(o.Client) == 0 {
		o.Client = []string{"ssh"}
	}
	if o.conversations == nil {
		o.conversations = conversations
	}
	if o.Limit <= 0 {
		o.Limit = askLimit
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Program == nil {
		o.Program = func() (fs.File, error) {
			path, err := os.Executable()
			if err != nil {
				return nil, err
			}
			return os.Open(path)
		}
	}
	return &Fleet{o: o, pushed: map[string]bool{}, spoken: map[string]int{}, alone: map[string]bool{}, holders: map[string]Holder{}}
}

// member is how one member is reached.
func (f *Fleet) member(name string) (Member, error) {
	m := f.o.Members[name]
	if m.Destination == "" {
		// LXD takes nearly anything for a name, and ssh hands it on to the
		// commands of the operator's configuration.
		m.Destination = name
	}
	if len(m.Command) == 0 {
		m.Command = []string{"pureclean"}
	}
	return m, CheckMember(m)
}

// CheckMember refuses what ssh would take for an option, and what a shell,
// there or in a ProxyCommand here, would not take for one plain word.
func CheckMember(m Member) error {
	if m.Destination != "" && !plain(m.Destination, "._-@:/[]") {
		return fmt.Errorf("%q can't be a destination of ssh", m.Destination)
	}
	for _, word := range m.Command {
		if word != "--" && !plain(strings.TrimLeft(word, "-"), "._-@:/=+,") {
			return fmt.Errorf("%q can't be a word of a command: letters, digits and ._-@:/=+, are allowed", word)
		}
	}
	return nil
}

// plain reports letters, digits and some other characters, and no dash in
// front.
func plain(word, others string) bool {
	if word == "" || word[0] == '-' || len(word) > 255 {
		return false
	}
	return strings.IndexFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(others, r))
	}) < 0
}

// arguments are ssh's, up to the command: no question may be asked, nothing is
// forwarded, and a connection that died is noticed. Everything else is as the
// operator's configuration says; how strict it is with host keys above all.
func arguments(destination string) []string {
	return []string{
		"-T",
		"-o", "BatchMode=yes",
		"-o", fmt.Sprintf("ConnectTimeout=%d", connectSeconds),
		"-o", "ServerAliveInterval=5",
		"-o", "ServerAliveCountMax=3",
		"-o", "ClearAllForwardings=yes",
		"-o", "RemoteCommand=none",
		"-o", "LogLevel=ERROR",
		destination, "--",
	}
}

// silent is the testimony of a machine that said nothing.
func silent(name string, why Cause) evidence.Host {
	return evidence.Host{Source: evidence.Source{Name: name, Trouble: why.Why, Hint: why.Hint}}
}
