package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// kmsgRecord is longer than any record of /dev/kmsg (CONSOLE_EXT_LOG_MAX
	// is 8 KiB); a shorter buffer makes the kernel answer EINVAL.
	kmsgRecord = 8 << 10
	// kmsgLimit bounds what is read of it: the kernel's buffer is at most
	// some MiB.
	kmsgLimit = 32 << 20
)

// Log implements devices.Reporter. It reads /dev/kmsg from the oldest record
// that is still there to the newest, and does not wait for more.
func (l *live) Log(ctx context.Context) (string, error) {
	return ask(ctx, l, "kmsg", func() (string, error) {
		text, err := readKmsg(l.openKmsg)
		if errors.Is(err, os.ErrPermission) {
			return text, fmt.Errorf("the kernel's log is read as root, or where kernel.dmesg_restrict is 0: %w", err)
		}
		return text, err
	})
}

// kmsg is the kernel's log, a record with each Read.
type kmsg interface {
	Read(record []byte) (int, error)
	Close() error
}

// kmsgFile is read without Go's poller, which would wait for the next record
// at the end.
type kmsgFile int

func openKmsg() (kmsg, error) {
	fd, err := open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK)
	return kmsgFile(fd), err
}

func (f kmsgFile) Read(record []byte) (int, error) { return unix.Read(int(f), record) }

func (f kmsgFile) Close() error { return unix.Close(int(f)) }

func readKmsg(open func() (kmsg, error)) (string, error) {
	log, err := open()
	if err != nil {
		return "", err
	}
	// It was only read: closing it can lose nothing.
	defer func() { _ = log.Close() }()
	var text strings.Builder
	record := make([]byte, kmsgRecord)
	for text.Len() < kmsgLimit {
		n, err := log.Read(record)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return text.String(), nil
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR):
			// Records were overwritten before they were read; the next Read
			// goes on with the oldest that is left.
			continue
		case err != nil:
			return text.String(), fmt.Errorf("reading the kernel's log: %w", err)
		case n <= 0:
			return text.String(), nil
		}
		writeRecord(&text, string(record[:n]))
	}
	return text.String(), nil
}

// writeRecord turns "6,1124,47836796,-;message\n KEY=value\n" into a line of
// dmesg. What is not such a record is left out.
func writeRecord(text *strings.Builder, record string) {
	head, message, ok := strings.Cut(record, ";")
	fields := strings.Split(head, ",")
	if !ok || len(fields) < 3 {
		return
	}
	microseconds, err := strconv.ParseUint(fields[2], 10, 63)
	if err != nil {
		return
	}
	message, _, _ = strings.Cut(message, "\n")
	fmt.Fprintf(text, "[%5d.%06d] %s\n", microseconds/1e6, microseconds%1e6, message)
}
