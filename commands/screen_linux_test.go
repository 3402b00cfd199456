package commands

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// screen is what somebody sees who sits at a terminal of 80x24, and a real
// terminal behind it.
type screen struct {
	t      *testing.T
	master *os.File
	line   *os.File

	mu    sync.Mutex
	rows  []string
	news  *sync.Cond
	ended bool
	// rest is what of an escape sequence has arrived; late ends a wait that nothing
	// would end.
	rest string
	// told is all that has come since clear, in lines of any length.
	told string
	late bool
}

const (
	screenWidth  = 80
	screenHeight = 24
)

func newScreen(t *testing.T) *screen {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: screenHeight, Col: screenWidth})
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, master: master, line: line, rows: []string{""}}
	s.news = sync.NewCond(&s.mu)
	go s.draw()
	t.Cleanup(func() { _ = line.Close(); _ = master.Close() })
	return s
}

// draw puts what arrives on the screen.
func (s *screen) draw() {
	buffer := make([]byte, 4096)
	for {
		n, err := s.master.Read(buffer)
		s.mu.Lock()
		text := s.rest + string(buffer[:n])
		s.rest = unfinished.FindString(text)
		s.put(strings.TrimSuffix(text, s.rest))
		s.ended = err != nil
		s.news.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// unfinished is the begin of an escape sequence of which the rest has not
// arrived: a terminal is read in pieces of any length.
var unfinished = regexp.MustCompile("\x1b(?:\\[[0-9;]*)?$")

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func (s *screen) put(text string) {
	text = escapes.ReplaceAllString(text, "")
	s.told += text
	text = strings.ReplaceAll(text, "\x1b[K", "\x00")
	for _, r := range text {
		last := &s.rows[len(s.rows)-1]
		switch {
		case r == '\n':
			s.rows = append(s.rows, "")
		case r == '\r', r == 0:
			// All that returns to a line's begin wipes it, too; the carriage
			// return in front of a line feed must not.
		case len([]rune(*last)) >= screenWidth:
			s.rows = append(s.rows, string(r))
		default:
			*last += string(r)
		}
	}
}

// look is what is on the screen, and no more.
func (s *screen) look() string {
	rows := s.rows
	if len(rows) > screenHeight {
		rows = rows[len(rows)-screenHeight:]
	}
	return strings.Join(rows, "\n")
}

// wait waits until the screen shows what somebody waits for, and returns the
// screen.
func (s *screen) wait(what *regexp.Regexp) string {
	s.t.Helper()
	return s.until(what.String(), func() bool { return what.MatchString(s.look()) })
}

// until waits until something is so, and returns the screen of then.
func (s *screen) until(what string, so func() bool) string {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer time.AfterFunc(screenPatience, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.late = true
		s.news.Broadcast()
	}).Stop()
	for !so() {
		if s.ended || s.late {
			s.t.Fatalf("the screen shows no %s:\n%s", what, s.look())
		}
		s.news.Wait()
	}
	return s.look()
}

// screenPatience only ends a test that hangs; a busy machine never needs it.
const screenPatience = 3 * time.Minute

func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows, s.told = []string{""}, ""
}

func (s *screen) typed(text string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Error(err)
	}
}

// TestNewcomerAtASmallScreen repairs one volume, proves it gone and takes it
// back, by nothing but what is on a screen of 80x24 at that moment: the next
// command is typed as the screen spells it, and each question is answered by
// what stands above it.
func TestNewcomerAtASmallScreen(t *testing.T) {
	for _, name := range []string{"device-too-late-iscsi", "device-too-late-nvme", "unmap-refused-iscsi"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, aged(t, name))
			s := newScreen(t)
			b.s.In, b.s.Out, b.s.Err = s.line, s.line, s.line
			if !term.IsTerminal(int(s.line.Fd())) {
				t.Fatal("it is no terminal")
			}
			b.s.Width = func() int { w, _, _ := term.GetSize(int(s.line.Fd())); return w }
			b.s.Height = func() int { _, h, _ := term.GetSize(int(s.line.Fd())); return h }

			// The only thing that is known from elsewhere.
			shown, _ := s.command(b, "pureclean scan", nil)
			fix := command(t, shown, "fix")
			asked := 0
			shown, status := s.command(b, fix, func(question string) string {
				asked++
				rows := strings.Split(question, "\n")
				above := strings.Join(rows[max(0, len(rows)-4):], " ")
				if !regexp.MustCompile(`\d/\d +.*(disconnect|destroy|remove|offline).*\?`).MatchString(above) {
					t.Errorf("the screen does not say what the question is about:\n%s", question)
				}
				return "yes\n"
			})
			if status != StatusOK || asked == 0 || !strings.Contains(shown, "Repaired") {
				t.Fatalf("status %d after %d questions:\n%s", status, asked, shown)
			}
			undo := command(t, shown, "undo")
			volume := strings.Fields(fix)[3]
			if shown, status = s.command(b, "pureclean verify --volume "+volume, nil); status != StatusOK {
				t.Errorf("verify: status %d\n%s", status, shown)
			}
			if shown, status = s.command(b, undo, func(string) string { return "y\n" }); status != StatusOK {
				t.Errorf("undo: status %d\n%s", status, shown)
			}
			if v, there := b.world.Array.Volume(volume); !there || v.Destroyed {
				t.Errorf("it is not back: %+v", v)
			}
		})
	}
}

// command is the command line that the screen says to type.
func command(t *testing.T, shown, name string) string {
	t.Helper()
	line := regexp.MustCompile(`pureclean ` + name + ` .*`).FindString(shown)
	if line == "" {
		t.Fatalf("the screen does not say how to %s:\n%s", name, shown)
	}
	return strings.TrimSpace(line)
}

var prompt = regexp.MustCompile(`\[y/N/\?(?:/q)?\] $`)

var echo = regexp.MustCompile(`\[y/N/\?(?:/q)?\] [a-z]`)

// command types a command line, answers its questions, and returns the screen
// at its end.
func (s *screen) command(b *bench, line string, answer func(screen string) string) (string, int) {
	s.t.Helper()
	s.clear()
	status := make(chan int, 1)
	go func() {
		code := Main(context.Background(), strings.Fields(line), b.s)
		fmt.Fprint(b.s.Out, "\n$ ")
		status <- code
	}()
	either := regexp.MustCompile(prompt.String() + `|\n\$ $`)
	for answers := 1; ; answers++ {
		shown := s.wait(either)
		if !prompt.MatchString(shown) {
			break
		}
		if answer == nil {
			s.t.Fatalf("%s asks:\n%s", line, shown)
		}
		s.typed(answer(shown))
		// The terminal echoes the answer, which ends the question. What follows
		// may have moved both off the screen already.
		s.until("echo of the answer", func() bool { return len(echo.FindAllString(s.told, -1)) >= answers })
	}
	select {
	case code := <-status:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.look(), code
	case <-time.After(time.Minute):
		s.t.Fatalf("%s does not end", line)
		return "", 0
	}
}
