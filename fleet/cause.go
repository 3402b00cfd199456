package fleet

import (
	"fmt"
	"strings"
)

// Cause is why a machine did not answer as it should, and what the operator
// can do about it.
type Cause struct {
	Why  string
	Hint string
	// missing is set when there is no pureclean of this version there.
	missing bool
}

func (c *Cause) Error() string { return c.Why }

// causes are what OpenSSH's client, sudo and shells print, the first that
// fits. %[1]s is the destination, %[2]s the member, %[3]s the command there.
var causes = []struct {
	// status is the exit status; 0 is any.
	status  int
	prints  string
	why     string
	hint    string
	missing bool
}{
	{
		prints: "REMOTE HOST IDENTIFICATION HAS CHANGED",
		why:    "its host key is not the one that is known: it was reinstalled, or it is another machine",
		hint:   "find out which; after a reinstallation: ssh-keygen -R %[1]s, then ssh %[1]s",
	},
	{
		prints: "Host key verification failed", why: "its host key is not known here",
		hint: "ssh %[1]s once as the same user, and compare the fingerprint",
	},
	{
		prints: "Permission denied (", why: "ssh does not let us in",
		hint: "ssh %[1]s must work without a question: allow your key there, or load it into the agent",
	},
	{prints: "Too many authentication failures", why: "ssh does not let us in: too many keys were tried", hint: "ssh %[1]s must work without a question; see IdentitiesOnly in ssh_config(5)"},
	{
		prints: "Could not resolve hostname", why: "its name leads to no address",
		hint: "say how it is reached in the configuration: members: {%[2]s: {ssh: ADDRESS}}",
	},
	{prints: "Connection refused", why: "nothing answers on its ssh port", hint: "start its ssh server, or name the right address: members: {%[2]s: {ssh: ADDRESS}}"},
	{prints: "timed out", why: "it can't be reached: no answer in time", hint: "is it on? If it is fenced for certain: --host-down %[2]s"},
	{prints: "No route to host", why: "it can't be reached: no route", hint: "is it on? If it is fenced for certain: --host-down %[2]s"},
	{prints: "Network is unreachable", why: "it can't be reached: no network", hint: "ssh %[1]s"},
	{prints: "not responding", why: "it stopped answering", hint: "try again; ssh %[1]s"},
	{prints: "sudo: a password is required", why: "sudo asks for a password there", hint: "docs/fleet.md has the sudoers lines that allow what is asked for, and nothing else"},
	{prints: "sudo: sorry", why: "sudo does not allow it there", hint: "docs/fleet.md has the sudoers lines that allow what is asked for, and nothing else"},
	{prints: "other-machine:", why: "it is another kind of machine, so this program does not run there", hint: "install pureclean there, the same version as here", missing: true},
	{status: 127, why: "there is no pureclean there", hint: "install the same version there, or try --push", missing: true},
	{status: 126, why: "pureclean can't be run there", hint: "ssh %[1]s -- %[3]s version"},
	{status: 16, why: "its pureclean does not understand us: it is another version", hint: "install the same version there, or try --push", missing: true},
	{status: 255, prints: "closed", why: "the ssh connection was closed", hint: "ssh %[1]s -- %[3]s version"},
	{status: 255, why: "ssh failed, or pureclean was killed there", hint: "ssh %[1]s -- %[3]s version"},
}

// causeOf explains an ssh that ended badly by its exit status and what it
// printed.
func causeOf(name string, m Member, status int, printed string) *Cause {
	for _, c := range causes {
		if (c.status != 0 && c.status != status) || !strings.Contains(printed, c.prints) {
			continue
		}
		why := c.why
		if c.prints == "" || c.prints == "closed" {
			why += said(printed)
		}
		return &Cause{Why: why, Hint: hintOf(c.hint, name, m), missing: c.missing}
	}
	return &Cause{Why: fmt.Sprintf("pureclean ended there with status %d%s", status, said(printed)), Hint: hintOf("ssh %[1]s -- %[3]s devices", name, m)}
}

// hintOf fills a hint in. What could not be pasted is not spelled out.
func hintOf(hint, name string, m Member) string {
	if !plain(name, "._-") {
		name = "MEMBER"
	}
	return strings.NewReplacer("%[1]s", m.Destination, "%[2]s", name, "%[3]s", strings.Join(m.Command, " ")).Replace(hint)
}

// said is the last line that was printed, shortened: what went wrong usually
// stands at the end.
func said(printed string) string {
	printed = strings.TrimSpace(printed)
	last := strings.TrimSpace(printed[strings.LastIndexByte(printed, '\n')+1:])
	if last == "" {
		return ""
	}
	if len(last) > 160 {
		last = strings.ToValidUTF8(last[:160], "") + "..."
	}
	return ": " + last
}
