package fleet

import (
	"fmt"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/plainfile"
)

// ReadFile reads what "pureclean devices -o json" wrote on a machine that
// can't be asked from here, not longer ago than limit. Whatever it says of
// itself, it is a recording: good enough for findings, never for a change.
func ReadFile(path, name string, now time.Time, limit time.Duration) (evidence.Host, error) {
	file, err := plainfile.Open(path)
	if err != nil {
		return evidence.Host{}, err
	}
	defer file.Close()
	answer, err := readAnswer(file)
	if err != nil {
		return evidence.Host{}, fmt.Errorf("%s: %w", path, err)
	}
	host := answer.Host
	host.Recorded = true
	if name != "" {
		host.Name = name
	}
	age := now.Sub(host.Began)
	switch {
	case host.Name == "":
		return evidence.Host{}, fmt.Errorf("%s does not say of which machine it is", path)
	case host.Began.IsZero():
		return evidence.Host{}, fmt.Errorf("%s does not say when it was made", path)
	case age > limit:
		return evidence.Host{}, fmt.Errorf("%s was made on %s, which is longer ago than %s", path, host.Began.UTC().Format("2006-01-02 15:04 MST"), limit)
	case age < -clockLimit:
		return evidence.Host{}, fmt.Errorf("%s was made on %s, which is yet to come", path, host.Began.UTC().Format("2006-01-02 15:04 MST"))
	}
	return host, nil
}
