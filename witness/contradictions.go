package witness

import (
	"fmt"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// contradictions compares the array's lists with each other. A list that
// leaves something out may still count right: by a filter that does not do
// what it says, or by an answer from another controller's memory. So what one
// list names, the other must have. What changes while it is read can look the
// same, and is then gone when it is read again.
func contradictions(said *evidence.Array, pods []string) {
	volumes := setOf(said.Volumes.Items, func(v *evidence.Volume) string { return strings.ToLower(v.Name) })
	hosts := setOf(said.Hosts.Items, func(h *evidence.ArrayHost) string { return strings.ToLower(h.Name) })
	ours := setOf(pods, func(pod *string) string { return strings.ToLower(*pod) })
	connected := map[string]bool{}
	for c := range evidence.Refs(said.Connections.Items) {
		volume, host := strings.ToLower(c.VolumeName), strings.ToLower(c.Host)
		connected[host] = true
		pod, _, inPod := strings.Cut(volume, "::")
		if inPod && ours[pod] && !volumes[volume] {
			doubt(&said.Volumes, "the array lists a connection of %s and not the volume", c.VolumeName)
		}
		if host != "" && !hosts[host] {
			doubt(&said.Hosts, "the array lists a connection to %s and not the host", c.Host)
		}
	}
	for h := range evidence.Refs(said.Hosts.Items) {
		if h.ConnectionCount.N > 0 && !connected[strings.ToLower(h.Name)] {
			doubt(&said.Connections, "the array counts %s connections of host %s and lists none", h.ConnectionCount, h.Name)
		}
	}
}

// doubt makes a list incomplete; the first reason is enough.
func doubt[T any](list *evidence.List[T], format string, args ...any) {
	if list.IsComplete() {
		*list = evidence.Incomplete(list.Items, fmt.Sprintf(format, args...)+"; try again")
	}
}
