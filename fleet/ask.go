package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// clockLimit is by how much a machine's clock may differ from ours. By more,
// what it sent may as well be an old answer.
const clockLimit = 5 * time.Minute

// Ask asks one member's machine for its devices, with one ssh. It never fails:
// a machine that does not answer as it should is one of which nothing is
// known, with the reason.
func (f *Fleet) Ask(ctx context.Context, name string) evidence.Host {
	began := f.o.Now()
	f.mu.Lock()
	delete(f.holders, name)
	f.mu.Unlock()
	host, failed := f.ask(ctx, name)
	var why *Cause
	if errors.As(failed, &why) && why.missing && f.push(name) {
		host, failed = f.ask(ctx, name)
	}
	if failed != nil {
		if !errors.As(failed, &why) {
			why = &Cause{Why: failed.Error()}
		}
		host = silent(name, *why)
	}
	// What it calls itself does not matter: ssh led there under LXD's name
	// for it. And all times of one look are by one clock.
	host.Name, host.Began, host.Ended = name, began, f.o.Now()
	return host
}

func (f *Fleet) ask(ctx context.Context, name string) (evidence.Host, error) {
	limited, cancel := context.WithTimeout(ctx, f.o.Limit)
	defer cancel()
	began := f.o.Now()
	c, err := f.start(limited, name, "devices", "-o", "json")
	if err != nil {
		return evidence.Host{}, err
	}
	go func() {
		if <-c.sending == nil {
			_ = c.stdin.Close()
		}
	}()
	answer, bad := readAnswer(c.stdout)
	// There may be no end of what it prints, and nobody reads on.
	_ = c.stdout.Close()
	status := c.end()
	spoken, understands := understood(f.o.conversations, answer.Conversation)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return evidence.Host{}, &Cause{Why: "it was not waited for"}
	case ctx.Err() != nil:
		return evidence.Host{}, &Cause{Why: context.Cause(ctx).Error(), Hint: "give a look more time with --timeout"}
	case limited.Err() != nil:
		return evidence.Host{}, &Cause{
			Why:  fmt.Sprintf("it did not answer within %s", f.o.Limit.Round(time.Millisecond)),
			Hint: hintOf("ssh %[1]s; if it is fenced for certain: --host-down %[2]s", name, c.member),
		}
	case bad != nil && !errors.Is(bad, errEmpty) && (status != statusLost || c.stderr.String() == ""):
		return evidence.Host{}, &Cause{
			Why:  bad.Error(),
			Hint: hintOf("look at what ssh %[1]s -- %[3]s devices -o json prints: a shell's startup file may print too", name, c.member),
		}
	case bad != nil || status != 0 && status != statusIncomplete:
		return evidence.Host{}, causeOf(name, c.member, status, c.stderr.String())
	case !understands:
		return evidence.Host{}, f.otherVersion(name, c.member, answer)
	case answer.Boot == "":
		return evidence.Host{}, &Cause{Why: "it does not say which boot this is, so it can't be told from another machine"}
	case answer.Began.Before(began.Add(-clockLimit)) || answer.Began.After(f.o.Now().Add(clockLimit)):
		return evidence.Host{}, &Cause{
			Why:  fmt.Sprintf("by its clock it answered on %s, which is not now: its clock is wrong, or the answer is old", answer.Began.UTC().Format("2006-01-02 15:04:05")),
			Hint: hintOf("ssh %[1]s date; set the clock there, or here", name, c.member),
		}
	}
	if spoken.less != nil {
		spoken.less(&answer.Host)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spoken[name], f.holders[name] = spoken.version, answer.Holder
	return answer.Host, nil
}

// speaks is the version in which a member is spoken to: its own, if it has said
// anything.
func (f *Fleet) speaks(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if version, heard := f.spoken[name]; heard {
		return version
	}
	return newest(f.o.conversations)
}

const (
	// statusIncomplete is how "devices" ends when it could not see everything;
	// the answer says what not.
	statusIncomplete = 8
	// statusLost is how ssh ends when it failed itself.
	statusLost = 255
)

func (f *Fleet) otherVersion(name string, m Member, answer Answer) error {
	version := cmp.Or(answer.Version, "an older one")
	return &Cause{
		Why:     fmt.Sprintf("its pureclean is %.40s, and this is %s: %s", version, f.o.Version, apart(f.o.conversations, answer.Conversation)),
		Hint:    hintOf("install the same version there, or try --push", name, m),
		missing: true,
	}
}
