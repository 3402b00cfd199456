package lxd

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
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

// one is a GET for one object by name. An empty list means the same as the
// array's refusal: there is none.
func one[T any](c *client, resource, name string) (T, error) {
	var answer items[T]
	var none T
	err := c.call(http.MethodGet, resource, query("names", name), nil, &answer)
	switch {
	case err == nil && len(answer.Items) > 0:
		return answer.Items[0], nil
	case err == nil || saysNotFound(err):
		return none, fmt.Errorf("%s %w", name, errNotFound)
	default:
		return none, err
	}
}

// change is a call of whose answer nothing is read.
func (c *client) change(method, resource string, q url.Values, body any) error {
	return c.call(method, resource, q, body, nil)
}

// createPod makes the pool's pod, and takes its default protection groups away:
// they would keep LXD from eradicating what it deletes.
func (c *client) createPod(name string) error {
	if err := c.change(http.MethodPost, "/pods", query("names", name), map[string]any{}); err != nil {
		return err
	}
	type protection struct {
		Name string `json:"name"`
	}
	var answer items[struct {
		Default []protection `json:"default_protections"`
	}]
	const protections = "/container-default-protections"
	if err := c.call(http.MethodGet, protections, query("names", name), nil, &answer); err != nil {
		return err
	}
	for _, item := range answer.Items {
		if err := c.change(http.MethodPatch, protections, query("names", name), map[string]any{"default_protections": []protection{}}); err != nil {
			return err
		}
		for _, p := range item.Default {
			if err := c.deleteProtectionGroup(p.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *client) deleteProtectionGroup(name string) error {
	group, err := one[arrayProtection](c, "/protection-groups", name)
	if err != nil {
		return err
	}
	return c.delete("/protection-groups", name, group.Destroyed)
}

// delete destroys what is not destroyed yet, and then eradicates it. No refusal
// is excused: a volume that is connected, was destroyed before or may not be
// eradicated (SafeMode) makes it fail, in the last case with the volume already
// destroyed.
func (c *client) delete(resource, name string, isDestroyed bool) error {
	if !isDestroyed {
		if err := c.change(http.MethodPatch, resource, query("names", name), destroyed); err != nil {
			return err
		}
	}
	return c.change(http.MethodDelete, resource, query("names", name), nil)
}

func full(pool, name string) string { return pool + "::" + name }

func (c *client) volume(pool, name string) (arrayVolume, error) {
	return one[arrayVolume](c, "/volumes", full(pool, name))
}

func (c *client) createVolume(pool, name string, bytes int64) error {
	return c.change(http.MethodPost, "/volumes", query("names", full(pool, name), "with_default_protection", "false"), map[string]any{"provisioned": bytes})
}

// deleteVolume asks nobody whether the volume is destroyed already.
func (c *client) deleteVolume(pool, name string) error {
	return c.delete("/volumes", full(pool, name), false)
}

// copyVolume overwrites a volume with another volume or with a snapshot
// ("volume.suffix"), and makes it when it is not there.
func (c *client) copyVolume(fromPool, from, pool, name string) error {
	body := map[string]any{"source": map[string]any{"name": full(fromPool, from)}}
	return c.change(http.MethodPost, "/volumes", query("names", full(pool, name), "overwrite", "true"), body)
}

func (c *client) createSnapshot(pool, name, suffix string) error {
	return c.change(http.MethodPost, "/volume-snapshots", query("source_names", full(pool, name)), map[string]any{"suffix": suffix})
}

// snapshots lists the suffixes of all the volume's snapshots, those that are
// not LXD's too.
func (c *client) snapshots(pool, name string) ([]string, error) {
	var answer items[arrayVolume]
	err := c.call(http.MethodGet, "/volume-snapshots", query("source_names", full(pool, name)), nil, &answer)
	if err != nil && !saysNotFound(err) {
		return nil, err
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
	snapshot, err := one[arrayVolume](c, "/volume-snapshots", full(pool, name)+"."+suffix)
	if err != nil {
		return err
	}
	return c.delete("/volume-snapshots", full(pool, name)+"."+suffix, snapshot.Destroyed)
}

// currentHost finds the member's array host by its initiator's name, never
// by its own; only the first page is looked at.
func (c *client) currentHost(t transport) (arrayHost, error) {
	var answer items[arrayHost]
	if err := c.call(http.MethodGet, "/hosts", nil, nil, &answer); err != nil {
		return arrayHost{}, err
	}
	for _, h := range answer.Items {
		names := h.IQNs
		if t.nvme {
			names = h.NQNs
		}
		if slices.Contains(names, t.initiator) {
			return h, nil
		}
	}
	return arrayHost{}, fmt.Errorf("host with qualified name %q %w", t.initiator, errNotFound)
}

// ensureHost returns the name of the member's array host. When there is none
// it makes one, or takes over the one that has its name: the initiators that
// stand there are replaced, whoever they belong to.
func (c *client) ensureHost(t transport) (name string, undo func(), err error) {
	host, err := c.currentHost(t)
	if err == nil {
		return host.Name, nil, nil
	}
	if !isNotFound(err) {
		return "", nil, err
	}
	key := "iqns"
	if t.nvme {
		key = "nqns"
	}
	body := map[string]any{key: []string{t.initiator}}
	err = c.change(http.MethodPost, "/hosts", query("names", t.hostName), body)
	if err == nil {
		return t.hostName, func() { _ = c.deleteHost(t.hostName) }, nil
	}
	if !says(err, "Host already exists.") {
		return "", nil, err
	}
	return t.hostName, nil, c.change(http.MethodPatch, "/hosts", query("names", t.hostName), body)
}

func (c *client) deleteHost(name string) error {
	return c.change(http.MethodDelete, "/hosts", query("names", name), nil)
}

// connectVolume reports whether it made the connection: one that was there
// already, or one whose reply was lost and that is asked for again, is not its
// own and will not be undone.
func (c *client) connectVolume(pool, name, host string) (made bool, err error) {
	err = c.change(http.MethodPost, "/connections", query("host_names", host, "volume_names", full(pool, name)), nil)
	if says(err, "Connection already exists.") {
		return false, nil
	}
	return err == nil, err
}

func (c *client) disconnectVolume(pool, name, host string) error {
	err := c.change(http.MethodDelete, "/connections", query("host_names", host, "volume_names", full(pool, name)), nil)
	if saysNotFound(err) {
		return nil
	}
	return err
}

// findTarget asks for the array's qualified name and addresses, which it fails
// without; the simulated host knows them by itself.
func (c *client) findTarget(t transport) error {
	var answer items[arrayInterface]
	q := query("filter", "enabled='true'", "filter", "eth.address", "filter", "services='"+t.service+"'")
	if err := c.call(http.MethodGet, "/network-interfaces", q, nil, &answer); err != nil {
		return err
	}
	if len(answer.Items) == 0 {
		return fmt.Errorf("enabled network interface with %q service %w", t.service, errNotFound)
	}
	for _, i := range answer.Items {
		var ports items[arrayPort]
		if err := c.call(http.MethodGet, "/ports", query("filter", "name='"+i.Name+"'"), nil, &ports); err != nil {
			return err
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
