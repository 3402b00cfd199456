package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

const (
	// replyLimit is how long a reply may take: whoever asked has a record to
	// sync to a disk. An operator is never waited for in here.
	replyLimit = time.Minute
	// aliveEvery is how often a machine says that it still works, so that the
	// end of a connection is noticed by writing, too.
	aliveEvery = 5 * time.Second
	// restsFrom is how long a wait is in which others may work: shorter ones are
	// for something that is going already. restLimit is how much longer than
	// asked whoever waits for several may take.
	restsFrom = time.Second
	restLimit = 10 * time.Minute
)

// Steps are the steps that Serve knows, in order.
func Steps() []string { return slices.Sorted(maps.Keys(steps)) }

// Service is a machine that does one step for somebody who asks over ssh.
type Service struct {
	Local release.Local
	Step  string
	// Serials are the volumes of the command line.
	Serials []evidence.Serial
	Version string
	// Lock keeps other runs on this machine from working at the same time. It
	// waits for the one before, which may still take something back.
	Lock func(context.Context) (unlock func(), err error)
}

// Serve has the conversation about the step over in and out, and returns nil
// when what became of it was heard on the other side. It ends within the
// step's limit, though what the kernel does not give back may be left behind.
//
// What is judged is judged here: the request says what the array connects,
// and nothing that it says makes a device safe.
func (s Service) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	step, ok := steps[s.Step]
	if !ok {
		return fmt.Errorf("there is no step %q; there is %s", s.Step, strings.Join(Steps(), ", "))
	}
	limit := step.limit * time.Duration(max(len(s.Serials), 1))
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it took longer than %s", limit))
	defer cancel()
	p := newPeer(out, cancel)
	go p.listen(in)
	var ask request
	if err := p.hear(&ask); err != nil {
		return err
	}
	stop := p.breathe()
	defer stop()
	w := s.newWork(step, ask, p)
	if err := s.check(ask); err != nil {
		w.refuse(err)
	} else if err := w.lock(ctx); err != nil {
		w.refuse(fmt.Errorf("%w: %w", release.ErrRefused, err))
	}
	defer func() { w.unlock() }()
	w.do(ctx)
	if heard := p.done(w.result()); heard != nil {
		if s.Step == release.TaskRelease {
			// Whoever wanted it does not know of it.
			return errors.Join(heard, w.takeBack(ctx))
		}
		return heard
	}
	return nil
}

// check holds the request against this machine.
func (s Service) check(ask request) error {
	boot := s.Local.Boot()
	_, understands := understood(conversations, ask.Conversation)
	asked := []evidence.Serial{}
	for _, one := range ask.each() {
		asked = append(asked, one.Serial)
	}
	switch {
	case ask.Schema != stepSchema:
		return fmt.Errorf("%w: the request's schema is %.60q and not %q", release.ErrRefused, ask.Schema, stepSchema)
	case !understands:
		return fmt.Errorf("%w: this pureclean is %s, and %.40s asks: %s", release.ErrRefused, s.Version, ask.Version, apart(conversations, ask.Conversation))
	// The command line is what sudo allowed and logged: nothing of another
	// volume is touched under its name.
	case ask.Step != s.Step || !slices.Equal(asked, s.Serials):
		return fmt.Errorf("%w: the request is about another step or volume than the command line", release.ErrRefused)
	case len(ask.Also) > 0 && steps[s.Step].writes:
		return fmt.Errorf("%w: a step that writes is about the volumes of its command line", release.ErrRefused)
	case len(asked) > 1 && !steps[s.Step].several:
		return fmt.Errorf("%w: this step is for one volume", release.ErrRefused)
	case len(slices.Compact(slices.Sorted(slices.Values(asked)))) != len(asked):
		return fmt.Errorf("%w: it names a volume twice", release.ErrRefused)
	case boot == "" || ask.Boot != boot:
		return fmt.Errorf("%w: this is not the machine that was looked at, or it was booted since", release.ErrRefused)
	}
	return nil
}

// peer is the other side of the conversation, seen from the machine.
type peer struct {
	out     io.Writer
	writing sync.Mutex
	heard   chan []byte
	// gone is closed with why when the other side has gone.
	gone chan struct{}
	why  error
	once sync.Once
	// cancel ends the step: nobody waits for it any more.
	cancel context.CancelFunc
}

func newPeer(out io.Writer, cancel context.CancelFunc) *peer {
	return &peer{out: out, heard: make(chan []byte), gone: make(chan struct{}), cancel: cancel}
}

// hangUp notes that the other side has gone, once and for all.
func (p *peer) hangUp(why error) {
	p.once.Do(func() {
		p.why = fmt.Errorf("nobody listens any more: %w", why)
		close(p.gone)
		p.cancel()
	})
}

// listen reads lines until there are no more.
func (p *peer) listen(in io.Reader) {
	l := newLines(in)
	for l.scanner.Scan() {
		select {
		case p.heard <- slices.Clone(l.scanner.Bytes()):
		case <-p.gone:
			return
		}
	}
	p.hangUp(cmp.Or(l.scanner.Err(), io.EOF))
}

// hear waits for one line.
func (p *peer) hear(into any) error { return p.hearWithin(into, replyLimit) }

func (p *peer) hearWithin(into any, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case line := <-p.heard:
		if err := newLines(strings.NewReader(string(line) + "\n")).read(into); err != nil {
			p.hangUp(err)
			return p.why
		}
		return nil
	case <-p.gone:
		return p.why
	case <-timer.C:
		p.hangUp(fmt.Errorf("no reply within %s", limit))
		return p.why
	}
}

func (p *peer) say(m message) error {
	select {
	case <-p.gone:
		return p.why
	default:
	}
	p.writing.Lock()
	err := writeLine(p.out, m)
	p.writing.Unlock()
	if err != nil {
		p.hangUp(err)
	}
	return err
}

func (p *peer) ask(m message) (reply, error) {
	if err := p.say(m); err != nil {
		return reply{}, err
	}
	var r reply
	err := p.hear(&r)
	return r, err
}

// note asks whether a write to a volume may be made.
func (p *peer) note(serial evidence.Serial, a release.Action) error {
	r, err := p.ask(message{Say: sayNote, Serial: serial, Action: &a})
	if err == nil && !r.OK {
		err = fmt.Errorf("it was not allowed: %s", r.Why)
	}
	return err
}

// elsewhere asks whether a use is of another volume. No answer is no.
func (p *peer) elsewhere(serial evidence.Serial, use evidence.Use) bool {
	r, err := p.ask(message{Say: sayElsewhere, Serial: serial, Use: &use})
	return err == nil && r.OK
}

// wait lets the other side wait, which may have more to wait for. Where it
// does not, it is waited here.
func (p *peer) wait(ctx context.Context, d time.Duration, here func(context.Context, time.Duration) error) error {
	if err := p.say(message{Say: sayWait, Wait: d}); err != nil {
		return err
	}
	var r reply
	if err := p.hearWithin(&r, d+restLimit); err != nil || r.OK {
		return err
	}
	return here(ctx, d)
}

// done says what became of it, and waits until that was heard.
func (p *peer) done(said result) error {
	if said.Detached == nil {
		said.Detached = []detachment{}
	}
	r, err := p.ask(message{Say: sayDone, Done: &said})
	if err == nil && !r.OK {
		err = errors.New("the result was not taken")
	}
	return err
}

// breathe says now and then that the machine still works.
func (p *peer) breathe() (stop func()) {
	ticker := time.NewTicker(aliveEvery)
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				_ = p.say(message{Say: sayAlive}) // it has hung up by itself
			case <-ended:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(ended)
	}
}

func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, fs.ErrClosed)
}
