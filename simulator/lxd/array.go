package lxd

import (
	"fmt"
	"net/http"
	"strings"
)

// The array's objects, as far as the driver looks at them.
type (
	arrayProtection struct {
		Destroyed bool `json:"destroyed"`
	}
	arrayVolume struct {
		Name      string `json:"name"`
		Serial    string `json:"serial"`
		Destroyed bool   `json:"destroyed"`
		Space     struct {
			Total int64 `json:"total_provisioned"`
		} `json:"space"`
	}
	arrayHost struct {
		Name            string   `json:"name"`
		IQNs            []string `json:"iqns"`
		NQNs            []string `json:"nqns"`
		ConnectionCount int      `json:"connection_count"`
	}
	arrayInterface struct {
		Name string `json:"name"`
		Eth  struct {
			Address string `json:"address"`
		} `json:"eth"`
	}
	arrayPort struct {
		IQN string `json:"iqn"`
		NQN string `json:"nqn"`
	}
	items[T any] struct {
		Items []T `json:"items"`
	}
)

var destroyed = map[string]any{"destroyed": true}

func (c *client) failing(gerund, infinitive, format string, args ...any) string {
	return c.run.failing(gerund, infinitive) + " " + fmt.Sprintf(format, args...)
}

// one is a GET for one object by name. An empty list means the same as the
// array's refusal: there is none.
func one[T any](c *client, resource, what string, q ...string) (T, error) {
	var answer items[T]
	var none T
	err := c.call(http.MethodGet, resource, query(q...), nil, &answer)
	switch {
	case err == nil && len(answer.Items) > 0:
		return answer.Items[0], nil
	case err == nil || saysNotFound(err):
		return none, fmt.Errorf("%s %w", what, errNotFound)
	default:
		return none, fmt.Errorf("%s: %w", c.failing("getting", "get", "%s", what), err)
	}
}

// ---- pods ----

// createPod makes the pool's pod.
func (c *client) createPod(name string) error {
	if err := c.call(http.MethodPost, "/pods", query("names", name), map[string]any{}, nil); err != nil {
		return fmt.Errorf("%s: %w", c.failing("creating", "create", "storage pool %q", name), err)
	}
	return c.unprotectPod(name)
}

// unprotectPod takes the pod's default protection groups away: they would
// keep LXD from eradicating what it deletes.
func (c *client) unprotectPod(pod string) error {
	type protection struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	var answer items[struct {
		Type    string       `json:"type"`
		Default []protection `json:"default_protections"`
	}]
	doing := c.failing("getting", "get", "default protections for storage pool %q", pod)
	err := c.call(http.MethodGet, "/container-default-protections", query("names", pod), nil, &answer)
	if saysNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	for _, item := range answer.Items {
		if item.Type != "pod" {
			continue
		}
		err := c.call(http.MethodPatch, "/container-default-protections", query("names", pod), map[string]any{"default_protections": []protection{}}, nil)
		if saysNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		for _, p := range item.Default {
			if p.Type != "protection_group" {
				continue
			}
			if err := c.deleteProtectionGroup(p.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *client) deleteProtectionGroup(name string) error {
	what := fmt.Sprintf("protection group %q", name)
	group, err := one[arrayProtection](c, "/protection-groups", what, "names", name)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if !group.Destroyed {
		if err := c.call(http.MethodPatch, "/protection-groups", query("names", name), destroyed, nil); err != nil {
			return fmt.Errorf("%s: %w", c.failing("destroying", "destroy", "%s", what), err)
		}
	}
	if err := c.call(http.MethodDelete, "/protection-groups", query("names", name), nil, nil); err != nil {
		return fmt.Errorf("%s: %w", c.failing("deleting", "delete", "%s", what), err)
	}
	return nil
}

// ---- volumes ----

func full(pool, name string) string { return pool + "::" + name }

func (c *client) volume(pool, name string) (arrayVolume, error) {
	return one[arrayVolume](c, "/volumes", fmt.Sprintf("volume %q", name), "names", full(pool, name))
}

func (c *client) createVolume(pool, name string, bytes int64) error {
	err := c.call(http.MethodPost, "/volumes", query("names", full(pool, name), "with_default_protection", "false"), map[string]any{"provisioned": bytes}, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", c.failing("creating", "create", "volume %q in storage pool %q", name, pool), err)
	}
	return nil
}

// deleteVolume destroys and then eradicates. No refusal is excused: a volume
// that is connected, was destroyed before or may not be eradicated (SafeMode)
// makes it fail, in the last case with the volume already destroyed.
func (c *client) deleteVolume(pool, name string) error {
	if err := c.call(http.MethodPatch, "/volumes", query("names", full(pool, name)), destroyed, nil); err != nil {
		return fmt.Errorf("%s: %w", c.failing("destroying", "destroy", "volume %q in storage pool %q", name, pool), err)
	}
	if err := c.call(http.MethodDelete, "/volumes", query("names", full(pool, name)), nil, nil); err != nil {
		return fmt.Errorf("%s: %w", c.failing("deleting", "delete", "volume %q in storage pool %q", name, pool), err)
	}
	return nil
}

// copyVolume overwrites a volume with another volume or with a snapshot
// ("volume.suffix"), and makes it when it is not there.
func (c *client) copyVolume(fromPool, from, pool, name string) error {
	body := map[string]any{"source": map[string]any{"name": full(fromPool, from)}}
	if err := c.call(http.MethodPost, "/volumes", query("names", full(pool, name), "overwrite", "true"), body, nil); err != nil {
		return fmt.Errorf(`%s: %w`, c.failing("copying", "copy", `volume "%s/%s" to "%s/%s"`, fromPool, from, pool, name), err)
	}
	return nil
}

// ---- snapshots ----

func (c *client) createSnapshot(pool, name, suffix string) error {
	if err := c.call(http.MethodPost, "/volume-snapshots", query("source_names", full(pool, name)), map[string]any{"suffix": suffix}, nil); err != nil {
		return fmt.Errorf("%s: %w", c.failing("creating", "create", "snapshot %q for volume %q in storage pool %q", suffix, name, pool), err)
	}
	return nil
}

func (c *client) snapshot(pool, name, suffix string) (arrayVolume, error) {
	return one[arrayVolume](c, "/volume-snapshots", fmt.Sprintf("snapshot %q", suffix), "names", full(pool, name)+"."+suffix)
}

// snapshots lists the suffixes of all the volume's snapshots, those that are
// not LXD's too.
func (c *client) snapshots(pool, name string) ([]string, error) {
	var answer items[arrayVolume]
	err := c.call(http.MethodGet, "/volume-snapshots", query("source_names", full(pool, name)), nil, &answer)
	if err != nil && !saysNotFound(err) {
		return nil, fmt.Errorf("%s: %w", c.failing("retrieving", "retrieve", "snapshots for volume %q in storage pool %q", name, pool), err)
	}
	var suffixes []string
	for _, v := range answer.Items {
		if _, suffix, ok := strings.Cut(v.Name, "."); ok {
			suffixes = append(suffixes, suffix)
		}
	}
	return suffixes, nil
}

func (c *client) deleteSnapshot(pool, name, suffix string) error {
	snapshot, err := c.snapshot(pool, name, suffix)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("snapshot %q for volume %q in storage pool %q", suffix, name, pool)
	q := query("names", full(pool, name)+"."+suffix)
	if !snapshot.Destroyed {
		if err := c.call(http.MethodPatch, "/volume-snapshots", q, destroyed, nil); err != nil {
			return fmt.Errorf("%s: %w", c.failing("destroying", "destroy", "%s", what), err)
		}
	}
	if err := c.call(http.MethodDelete, "/volume-snapshots", q, nil, nil); err != nil {
		return fmt.Errorf("%s: %w", c.failing("deleting", "delete", "%s", what), err)
	}
	return nil
}

// ---- hosts, connections, target ----

// currentHost finds the member's array host by its initiator's name, never
// by its own; only the first page is looked at.
func (c *client) currentHost(t transport) (arrayHost, error) {
	var answer items[arrayHost]
	if err := c.call(http.MethodGet, "/hosts", nil, nil, &answer); err != nil {
		return arrayHost{}, fmt.Errorf("%s: %w", c.failing("getting", "get", "hosts"), err)
	}
	for _, h := range answer.Items {
		names := h.IQNs
		if t.nvme {
			names = h.NQNs
		}
		for _, n := range names {
			if n == t.initiator {
				return h, nil
			}
		}
	}
	return arrayHost{}, fmt.Errorf("host with qualified name %q %w", t.initiator, errNotFound)
}

// ensureHost returns the name of the member's array host. When there is none
// it makes one, or takes over the one that has its name: the initiators that
// stand there are replaced, whoever they belong to. undo is never nil.
func (c *client) ensureHost(t transport) (name string, undo func(), err error) {
	nothing := func() {}
	host, err := c.currentHost(t)
	if err == nil {
		return host.Name, nothing, nil
	}
	if !isNotFound(err) {
		return "", nothing, err
	}
	key := "iqns"
	if t.nvme {
		key = "nqns"
	}
	body := map[string]any{key: []string{t.initiator}}
	err = c.call(http.MethodPost, "/hosts", query("names", t.hostName), body, nil)
	if err == nil {
		return t.hostName, func() { _ = c.deleteHost(t.hostName) }, nil
	}
	if !says(err, "Host already exists.") {
		return "", nothing, fmt.Errorf("%s: %w", c.failing("creating", "create", "host %q", t.hostName), err)
	}
	if err := c.call(http.MethodPatch, "/hosts", query("names", t.hostName), body, nil); err != nil {
		return "", nothing, fmt.Errorf("%s: %w", c.failing("updating", "update", "host %q", t.hostName), err)
	}
	return t.hostName, nothing, nil
}

func (c *client) deleteHost(name string) error {
	if err := c.call(http.MethodDelete, "/hosts", query("names", name), nil, nil); err != nil {
		return fmt.Errorf("%s: %w", c.failing("deleting", "delete", "host %q", name), err)
	}
	return nil
}

// connectVolume reports whether it made the connection: one that was there
// already, or one whose reply was lost and that is asked for again, is not its
// own and will not be undone.
func (c *client) connectVolume(pool, name, host string) (made bool, err error) {
	err = c.call(http.MethodPost, "/connections", query("host_names", host, "volume_names", full(pool, name)), nil, nil)
	switch {
	case err == nil:
		return true, nil
	case says(err, "Connection already exists."):
		return false, nil
	default:
		return false, fmt.Errorf("%s: %w", c.failing("connecting", "connect", "volume %q with host %q", name, host), err)
	}
}

func (c *client) disconnectVolume(pool, name, host string) error {
	err := c.call(http.MethodDelete, "/connections", query("host_names", host, "volume_names", full(pool, name)), nil, nil)
	switch {
	case err == nil || saysNotFound(err):
		return nil
	default:
		return fmt.Errorf("%s: %w", c.failing("disconnecting", "disconnect", "volume %q from host %q", name, host), err)
	}
}

// findTarget asks for the array's qualified name and addresses, which it fails
// without; the simulated host knows them by itself.
func (c *client) findTarget(t transport) error {
	var answer items[arrayInterface]
	q := query("filter", "enabled='true'", "filter", "eth.address", "filter", "services='"+t.service+"'")
	if err := c.call(http.MethodGet, "/network-interfaces", q, nil, &answer); err != nil {
		return fmt.Errorf("%s: %w", c.failing("retrieving", "retrieve", "Pure Storage network interfaces"), err)
	}
	if len(answer.Items) == 0 {
		return fmt.Errorf("enabled network interface with %q service %w", t.service, errNotFound)
	}
	for _, i := range answer.Items {
		var ports items[arrayPort]
		if err := c.call(http.MethodGet, "/ports", query("filter", "name='"+i.Name+"'"), nil, &ports); err != nil {
			return fmt.Errorf("%s: %w", c.failing("retrieving", "retrieve", "Pure Storage targets"), err)
		}
		if len(ports.Items) == 0 {
			continue
		}
		qn := ports.Items[0].IQN
		if t.nvme {
			qn = ports.Items[0].NQN
		}
		if qn != "" {
			return nil
		}
	}
	return fmt.Errorf("qualified name for %q target %w", t.mode, errNotFound)
}
