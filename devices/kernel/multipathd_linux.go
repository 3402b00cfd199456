package kernel

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices"
)

// multipathdLimit bounds a reply; a map takes about 2 KiB of JSON.
const multipathdLimit = 256 << 20

// socket is a place where multipathd may listen. Only the root user's answer
// counts: while multipathd does not run, any user can listen at the abstract
// address and invent path states.
type socket struct {
	address string
	owner   uint32
}

// multipathdSockets are the places of multipath-tools 0.12 and later, and of
// those before; a name that begins with @ is abstract.
func multipathdSockets() []socket {
	return []socket{
		{address: "/run/multipathd.socket"},
		{address: "@/org/kernel/linux/storage/multipathd"},
	}
}

// Checkers implements devices.Kernel. When multipathd does not run, the error
// says so. The map holds what was understood even when there is an error.
func (l *live) Checkers(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	checkers := map[string]string{}
	for _, question := range []struct {
		command string
		read    func(reply []byte, into map[string]string) error
	}{
		{"show maps json", readMaps},
		// The maps' paths again, and those that are in no map.
		{"show paths raw format %d|%t|%T", readPaths},
	} {
		reply, err := l.askMultipathd(ctx, question.command)
		if err == nil {
			err = question.read(reply, checkers)
		}
		if err != nil {
			return checkers, fmt.Errorf("multipathd, %q: %w", question.command, err)
		}
	}
	return checkers, nil
}

// showConfig asks for all. "show config local" leaves out what is for devices
// that this host does not have yet, and those of the next volume may be among
// them.
const showConfig = "show config"

// MultipathConfig implements devices.Reporter.
func (l *live) MultipathConfig(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	reply, err := l.askMultipathd(ctx, showConfig)
	if err != nil {
		return "", fmt.Errorf("multipathd, %q: %w", showConfig, err)
	}
	return string(reply), nil
}

// askMultipathd sends one command and returns the reply. Messages of both
// directions are a size_t, here of the 64-bit systems that LXD runs on, and
// that many bytes, of which the last is NUL.
func (l *live) askMultipathd(ctx context.Context, command string) ([]byte, error) {
	conn, err := l.dialMultipathd(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// A deadline in the past wakes what waits on the connection.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	message := binary.NativeEndian.AppendUint64(nil, uint64(len(command)+1))
	message = append(append(message, command...), 0)
	if _, err := conn.Write(message); err != nil {
		return nil, why(ctx, err)
	}
	reply, err := readMessage(conn)
	if err != nil {
		return nil, why(ctx, err)
	}
	return reply, refusal(reply)
}

// refusal is what multipathd's reply says of a command that it did not do.
// Before 0.9.8 that is one line; since then the first says "fail", and the
// second why, where it knows.
func refusal(reply []byte) error {
	reason, why, _ := strings.Cut(strings.TrimSpace(string(reply)), "\n")
	failed := reason == "fail"
	if failed {
		reason, _, _ = strings.Cut(why, "\n")
	}
	switch {
	case reason == "timeout":
		return errDaemonBusy
	case strings.HasPrefix(reason, "permission deny"):
		return fmt.Errorf("it answers only root: %w", os.ErrPermission)
	case failed && reason != "":
		return fmt.Errorf("it refused the command: %.200q", reason)
	case failed:
		return errors.New("it refused the command")
	}
	return nil
}

func readMessage(r io.Reader) ([]byte, error) {
	var header [8]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, fmt.Errorf("the reply's length: %w", err)
	}
	length := binary.NativeEndian.Uint64(header[:])
	if length > multipathdLimit {
		return nil, fmt.Errorf("a reply of %d bytes", length)
	}
	// Grows with what arrives, not with what was announced.
	reply, err := io.ReadAll(io.LimitReader(r, int64(length)))
	if err != nil {
		return nil, err
	}
	if uint64(len(reply)) != length {
		return nil, fmt.Errorf("%d of the reply's %d bytes: %w", len(reply), length, io.ErrUnexpectedEOF)
	}
	return bytes.TrimRight(reply, "\x00"), nil
}

// why prefers the context's word over the broken connection that it caused.
func why(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer in time: %w", ctx.Err())
	}
	return err
}

// errDaemonBusy is multipathd's "timeout": it could not do the command yet.
var errDaemonBusy = errors.New("it was too busy to answer")

// errNoDaemon means that nobody listens where multipathd would.
var errNoDaemon = devices.ErrNoDaemon

func (l *live) dialMultipathd(ctx context.Context) (net.Conn, error) {
	var failures []error
	running := false
	for _, s := range l.sockets {
		conn, err := s.dial(ctx)
		if err == nil {
			return conn, nil
		}
		if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ECONNREFUSED) {
			running = true
		}
		failures = append(failures, err)
	}
	err := errors.Join(failures...)
	if !running {
		return nil, fmt.Errorf("%w; if this host uses multipath, start it with \"systemctl start multipathd\": %w", errNoDaemon, err)
	}
	return nil, err
}

func (s socket) dial(ctx context.Context) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", s.address)
	if err != nil {
		return nil, err
	}
	owner, err := ownerOf(conn)
	if err == nil && owner != s.owner {
		err = fmt.Errorf("the listener at %s is user %d and not %d, so it is not multipathd", s.address, owner, s.owner)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// ownerOf is the user who listens at the other end.
func ownerOf(conn net.Conn) (uint32, error) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("a connection of type %T", conn)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var asked error
	if err := raw.Control(func(fd uintptr) {
		cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, err
	}
	if asked != nil {
		return 0, fmt.Errorf("who listens at the other end: %w", asked)
	}
	return cred.Uid, nil
}

// readMaps reads the reply to "show maps json", whose form has not changed
// between 0.8.0 and 0.14.
func readMaps(reply []byte, into map[string]string) error {
	var answer struct {
		Major *int `json:"major_version"`
		Maps  *[]struct {
			Name   string `json:"name"`
			Groups []struct {
				Paths []struct {
					Dev     string  `json:"dev"`
					Checker *string `json:"chk_st"`
				} `json:"paths"`
			} `json:"path_groups"`
		} `json:"maps"`
	}
	if err := json.Unmarshal(reply, &answer); err != nil {
		return fmt.Errorf("the reply %.80q is not the JSON expected: %w", reply, err)
	}
	if answer.Major == nil || *answer.Major != 0 || answer.Maps == nil {
		return fmt.Errorf("the reply %.80q has another form than the one known (version 0)", reply)
	}
	for _, m := range *answer.Maps {
		for _, group := range m.Groups {
			for _, path := range group.Paths {
				if path.Checker == nil {
					return fmt.Errorf("map %q: path %q has no chk_st", m.Name, path.Dev)
				}
				note(into, path.Dev, *path.Checker)
			}
		}
	}
	return nil
}

// readPaths reads the reply to "show paths raw": a line for each path of
// kernel name, device-mapper's state and the checker's. "ok" means none.
func readPaths(reply []byte, into map[string]string) error {
	for line := range strings.Lines(string(reply)) {
		line = strings.TrimSpace(line)
		if line == "" || line == "ok" {
			continue
		}
		fields := strings.Split(line, "|")
		if len(fields) != 3 {
			return fmt.Errorf("the line %q is not a path", line)
		}
		note(into, fields[0], fields[2])
	}
	return nil
}

// note keeps the first word on each path. A path whose device has gone has
// no name, and multipathd prints "-".
func note(into map[string]string, dev, checker string) {
	dev, checker = strings.TrimSpace(dev), strings.TrimSpace(checker)
	if dev == "" || dev == "-" {
		return
	}
	if _, known := into[dev]; !known {
		into[dev] = checker
	}
}
