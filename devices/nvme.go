package devices

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

const (
	// modelPure is the model that a FlashArray's controllers name.
	modelPure = "Pure Storage FlashArray"
	// nqnPure is part of every FlashArray's subsystem NQN.
	nqnPure = "com.purestorage:flasharray"
	// nqnDiscovery is the NQN of every discovery subsystem, which has no
	// namespaces.
	nqnDiscovery = "nqn.2014-08.org.nvmexpress.discovery"
)

var (
	controllerName = regexp.MustCompile(`^nvme\d+$`)
	// headName is a namespace: with native multipath the first number is the
	// subsystem's instance, else the controller's. The second is an instance
	// too, never the NSID.
	headName = regexp.MustCompile(`^nvme(\d+)n(\d+)$`)
	// pathName is a hidden path: subsystem, controller, instance.
	pathName = regexp.MustCompile(`^nvme(\d+)c(\d+)n(\d+)$`)
)

// nvme is what the host has of Pure's over NVMe.
type nvme struct {
	subsystems  []evidence.Subsystem
	controllers []evidence.Controller
	namespaces  []evidence.Namespace
	// hostNQNs are the host NQNs in use.
	hostNQNs initiators

	subsystemDoubts, controllerDoubts, namespaceDoubts hostfs.Doubts
}

// readNVMe lists Pure's subsystems, controllers and namespaces. A subsystem
// with neither controllers nor namespaces is kept: it is what remains while
// somebody still holds a namespace that has gone.
func readNVMe(t hostfs.Tree, b blocks, f *focus) nvme {
	var n nvme
	n.namespaceDoubts.Merge(b.doubts)
	pure := n.readSubsystems(t)
	states := n.readControllers(t)
	n.readNamespaces(t, b, f, pure, states)
	for s := range evidence.Refs(n.subsystems) {
		for _, c := range n.controllers {
			if c.Subsystem == s.Name && !slices.Contains(s.Controllers, c.Name) {
				s.Controllers = append(s.Controllers, c.Name)
			}
		}
		for _, ns := range n.namespaces {
			if ns.Subsystem == s.Name && !slices.Contains(s.Namespaces, ns.Name) {
				s.Namespaces = append(s.Namespaces, ns.Name)
			}
		}
		slices.SortFunc(s.Controllers, compareNames)
		slices.SortFunc(s.Namespaces, compareNames)
	}
	return n
}

// Namespaces reads the host's NVMe namespaces and the controllers through which
// they are reached, and nothing else of it.
func Namespaces(s System) (evidence.List[evidence.Namespace], evidence.List[evidence.Controller]) {
	t := hostfs.Tree{FS: s.FS}
	n := readNVMe(t, readBlocks(t), focusOn(nil))
	return hostfs.ListOf(n.namespaces, n.namespaceDoubts), hostfs.ListOf(n.controllers, n.controllerDoubts)
}

// isPureNVMe tells by model or NQN. Empty values tell nothing.
func isPureNVMe(model, nqn string) bool {
	return model == modelPure || strings.Contains(strings.ToLower(nqn), nqnPure)
}

// readSubsystems fills in the subsystems and returns which names are Pure's.
func (n *nvme) readSubsystems(t hostfs.Tree) map[string]bool {
	pure := map[string]bool{}
	names, err := t.Names("sys/class/nvme-subsystem")
	n.subsystemDoubts.Check("the NVMe subsystems could not be listed", err)
	n.namespaceDoubts.Check("the NVMe subsystems could not be listed", err)
	for _, name := range names {
		dir := "sys/class/nvme-subsystem/" + name
		model, modelErr := t.Text(dir + "/model")
		nqn, nqnErr := t.Text(dir + "/subsysnqn")
		if nqn == nqnDiscovery {
			continue
		}
		if !isPureNVMe(model, nqn) {
			if nqnErr != nil || (modelErr != nil && nqn == "") {
				n.subsystemDoubts.Add("%s may be Pure's: its model and NQN could not be read", name)
			}
			continue
		}
		pure[name] = true
		s := evidence.Subsystem{Name: name, NQN: nqn, Controllers: []string{}, Namespaces: []string{}}
		inside, err := t.Names(dir)
		n.subsystemDoubts.Check("the controllers of "+name+" could not be listed", err)
		for _, entry := range inside {
			switch {
			case controllerName.MatchString(entry):
				s.Controllers = append(s.Controllers, entry)
			case headName.MatchString(entry):
				s.Namespaces = append(s.Namespaces, entry)
			}
		}
		n.subsystems = append(n.subsystems, s)
	}
	return pure
}

// readControllers fills in the controllers and returns the state of each one
// of the host's, Pure's or not.
func (n *nvme) readControllers(t hostfs.Tree) map[string]string {
	states := map[string]string{}
	names, err := t.Names("sys/class/nvme")
	n.controllerDoubts.Check("the NVMe controllers could not be listed", err)
	for _, name := range names {
		dir := "sys/class/nvme/" + name
		model, modelErr := t.Text(dir + "/model")
		nqn, nqnErr := t.Text(dir + "/subsysnqn")
		states[name] = t.Field(dir + "/state")
		if nqn == nqnDiscovery || t.Field(dir+"/cntrltype") == "discovery" {
			continue
		}
		subsystem := n.subsystemOf(name, nqn)
		if !isPureNVMe(model, nqn) && subsystem == "" {
			if nqnErr != nil || (modelErr != nil && nqn == "") {
				n.controllerDoubts.Add("%s may be Pure's: its model and NQN could not be read", name)
			}
			continue
		}
		address := addressOf(t.Field(dir + "/address"))
		c := evidence.Controller{
			Name: name, Subsystem: subsystem,
			Transport: t.Field(dir + "/transport"),
			Address:   address["traddr"], Port: address["trsvcid"],
			State:       states[name],
			CtrlLossTmo: t.Count(dir + "/ctrl_loss_tmo"),
		}
		hostNQN, err := t.Text(dir + "/hostnqn")
		n.hostNQNs.doubts.Check("the host NQN of "+name, err)
		n.hostNQNs.add(hostNQN)
		c.HostNQN = hostNQN
		n.controllers = append(n.controllers, c)
	}
	n.hostNQNs.doubts.Merge(n.controllerDoubts)
	slices.SortFunc(n.controllers, func(a, b evidence.Controller) int { return compareNames(a.Name, b.Name) })
	return states
}

// subsystemOf finds a controller's subsystem among Pure's: by the link in the
// subsystem, or by the NQN for a controller that is not linked yet.
func (n *nvme) subsystemOf(controller, nqn string) string {
	for _, s := range n.subsystems {
		if slices.Contains(s.Controllers, controller) {
			return s.Name
		}
	}
	for _, s := range n.subsystems {
		if nqn != "" && s.NQN == nqn {
			return s.Name
		}
	}
	return ""
}

// addressOf reads a controller's address, "traddr=…,trsvcid=…". It is a set:
// which keys it has, and in what order, depends on the kernel and on whether
// the controller is connected.
func addressOf(s string) map[string]string {
	set := map[string]string{}
	for pair := range strings.SplitSeq(s, ",") {
		if key, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok {
			set[key] = value
		}
	}
	return set
}

// readNamespaces lists the heads, and on a kernel without native multipath
// the namespaces of each controller.
func (n *nvme) readNamespaces(t hostfs.Tree, b blocks, f *focus, pure map[string]bool, states map[string]string) {
	d := &n.namespaceDoubts
	paths := hiddenPaths(b)
	for _, one := range b.all {
		if one.disk != "" || !headName.MatchString(one.name) || t.Field(one.dir+"/hidden") == "1" {
			continue
		}
		wwid, wwidErr := t.Text(one.dir + "/wwid")
		serial, ours := evidence.SerialOf(wwid)
		if !ours {
			// An array that sets a UUID makes the wwid "uuid.…".
			nguid, nguidErr := t.Text(one.dir + "/nguid")
			serial, ours = evidence.SerialOf(nguid)
			if wwidErr == nil {
				wwidErr = nguidErr
			}
		}
		if !ours && wwidErr == nil && t.Exists(one.dir+"/dev").IsNot() {
			continue // it has just gone: the kernel removes what a device shows, and then its directory
		}
		owner := parentOf(t, one)
		subsystem := owner
		if controllerName.MatchString(owner) {
			subsystem = n.subsystemOf(owner, "")
		}
		if !ours && !pure[subsystem] {
			if wwidErr != nil {
				d.Add("%s may be Pure's: its WWID could not be read", one.name)
			}
			continue
		}
		ns := evidence.Namespace{
			Name: one.name, Dev: one.dev,
			Subsystem: subsystem, NSID: t.Count(one.dir + "/nsid"),
			Serial: serial, WWID: wwid,
			Holders: holdersOf(t, b, one.name, d),
		}
		if controllerName.MatchString(owner) {
			ns.Paths = []evidence.NamespacePath{namespacePath(t, one, owner, states)}
		} else {
			ns.Paths = hiddenPathsOf(t, paths[one.name], states)
		}
		if f.brief[one.name] = f.others(serial); !f.brief[one.name] {
			ns.Seq = t.Count(one.dir + "/diskseq")
			ns.Bytes = readBytes(t, one.dir)
			ns.IO = namespaceIO(t, one, paths[one.name])
		}
		n.namespaces = append(n.namespaces, ns)
	}
	slices.SortFunc(n.namespaces, func(a, b evidence.Namespace) int { return compareNames(a.Name, b.Name) })
}

// parentOf names the subsystem or the controller that a namespace belongs to.
func parentOf(t hostfs.Tree, one block) string {
	if base := t.LinkBase(one.dir + "/device"); base != "" {
		return base
	}
	parts := strings.Split(one.dir, "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[len(parts)-2]
}

// hiddenPaths finds each head's paths by their names: nvme<S>c<C>n<I> is a
// path of nvme<S>n<I>.
func hiddenPaths(b blocks) map[string][]block {
	paths := map[string][]block{}
	for _, one := range b.all {
		if path := pathName.FindStringSubmatch(one.name); path != nil {
			head := "nvme" + path[1] + "n" + path[3]
			paths[head] = append(paths[head], one)
		}
	}
	return paths
}

// hiddenPathsOf describes a head's paths. Which controller one goes through
// is told by its link, else by the second number of its name.
func hiddenPathsOf(t hostfs.Tree, paths []block, states map[string]string) []evidence.NamespacePath {
	described := []evidence.NamespacePath{}
	for _, one := range paths {
		controller := t.LinkBase(one.dir + "/device")
		if !controllerName.MatchString(controller) {
			controller = "nvme" + pathName.FindStringSubmatch(one.name)[2]
		}
		described = append(described, namespacePath(t, one, controller, states))
	}
	slices.SortFunc(described, func(a, b evidence.NamespacePath) int { return compareNames(a.Name, b.Name) })
	return described
}

// namespaceIO reads what a head and its hidden paths count: Linux 6.1 counts I/O on
// the paths only, 6.12 on the head only.
func namespaceIO(t hostfs.Tree, head block, paths []block) evidence.IO {
	io := rawIO(t, head.dir)
	if len(paths) > 0 && io.Reads.IsZero() && io.Writes.IsZero() && io.Inflight.IsZero() {
		sum := io
		for _, one := range paths {
			sum = addIO(sum, readIO(t, one.dir))
		}
		// The paths may count where the head was told not to. Whatever came has
		// been read from at least once.
		if sum != io {
			return sum
		}
	}
	if !counts(t, head.dir) {
		return uncounted(io)
	}
	return io
}

func namespacePath(t hostfs.Tree, one block, controller string, states map[string]string) evidence.NamespacePath {
	ana, err := t.Text(one.dir + "/ana_state")
	if err != nil {
		ana = "unknown" // and not "", which is a path without ANA
	}
	return evidence.NamespacePath{Name: one.name, Controller: controller, State: states[controller], ANA: ana}
}
