//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/simulator/fabric"
)

// The machines of a cluster are copies of one that was frozen, on a network of
// their own. What must differ is made different here: names, initiators, the
// boot id.

const keyFile = "/root/.ssh/id_ed25519"

func memberName(number int) string { return fmt.Sprintf("lxd%02d", number) }

func memberAddress(number int) string { return fmt.Sprintf("192.168.77.%d", number) }

// join makes the machine the member of its number, and puts it on the network.
func (m *machine) join() error {
	cards := names("/sys/class/net/e*")
	if len(cards) != 1 {
		return fmt.Errorf("the machine has the network cards %v", cards)
	}
	if err := unix.Sethostname([]byte(memberName(m.number))); err != nil {
		return err
	}
	known := "127.0.0.1 localhost\n"
	for n := range 2 {
		known += memberAddress(n+1) + " " + memberName(n+1) + "\n"
	}
	// A simulated boot begins when the machine becomes somebody.
	const boot = "/run/boot-id"
	err := errors.Join(
		os.WriteFile("/etc/hosts", []byte(known), 0o644),
		os.WriteFile(boot, fmt.Appendf(nil, "e2e00000-0000-4000-8000-%012d\n", m.number), 0o444),
		os.WriteFile("/etc/iscsi/initiatorname.iscsi", []byte("InitiatorName="+m.IQN()+"\n"), 0o600),
	)
	if err != nil {
		return err
	}
	card := cards[0]
	return steps(
		"mount --bind "+boot+" /proc/sys/kernel/random/boot_id",
		fmt.Sprintf("ip link set %s address 52:54:00:e2:e0:%02x up", card, m.number),
		"ip address add "+memberAddress(m.number)+"/24 dev "+card,
		"pkill -x iscsid", "iscsid",
		"ln -s /e2e/pureclean /usr/bin/pureclean",
	)()
}

// serve lets the first machine use this one as the cluster's second, for as long
// as it runs.
func serve() int {
	registerCalls()
	m := newMachine(2)
	err := m.join()
	if err == nil {
		err = rpc.RegisterName("Member", &desk{reflect.ValueOf(m)})
	}
	var listener net.Listener
	if err == nil {
		listener, err = net.Listen("tcp", memberAddress(2)+":7000")
	}
	if err != nil {
		fmt.Println("FAIL", err)
		return 1
	}
	rpc.Accept(listener)
	return 0
}

// Pool tells the second machine what the first has from the world: the target
// and its portals, pureclean's configuration, and the key of both.
type Pool struct {
	NVMe    bool
	Target  string
	Portals []string
	Config  []byte
	Key     map[string][]byte
}

// Enter takes a pool into use. Over NVMe the machine is its own target.
func (m *machine) Enter(p Pool) (err error) {
	m.target, m.portals = p.Target, p.Portals
	if err := errors.Join(m.install(), configure(p.Config), listen(p.Key)); err != nil {
		return err
	}
	if p.NVMe {
		m.own, err = newNVMeTarget(p.Target, m.NQN(), p.Portals)
		return err
	}
	for n := range p.Portals {
		err = errors.Join(err, steps(m.routeTo(n))())
	}
	return err
}

// routeTo is the way from the second machine to the nth portal of the first.
func (m *machine) routeTo(n int) string {
	return "ip route add " + hostOf(m.portals[n]) + " via " + memberAddress(1)
}

// Show makes what the machine's own target shows be exports.
func (m *machine) Show(exports []fabric.Export) error { return m.own.show(exports) }

// PowerOff takes the power away, a moment after it has answered.
func (m *machine) PowerOff() {
	time.AfterFunc(time.Second, func() { m.note(write("/proc/sysrq-trigger", "o")) })
}

// newKey makes the key that both machines have, as hosts and as users.
func newKey() (map[string][]byte, error) {
	if err := os.MkdirAll(filepath.Dir(keyFile), 0o700); err != nil {
		return nil, err
	}
	if _, err := sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keyFile); err != nil {
		return nil, err
	}
	private, failed := os.ReadFile(keyFile)
	public, err := os.ReadFile(keyFile + ".pub")
	known := strings.Join([]string{memberName(1), memberName(2), memberAddress(1), memberAddress(2)}, ",") + " " + string(public)
	// Without hardware help a key exchange takes seconds, so there is one, as
	// operators have it who share connections.
	quick := []byte("KexAlgorithms curve25519-sha256\nControlMaster auto\nControlPath /run/ssh-%C\nControlPersist 300\n")
	return map[string][]byte{"/root/.ssh/config": quick, keyFile: private, "/root/.ssh/authorized_keys": public, "/root/.ssh/known_hosts": []byte(known)}, errors.Join(failed, err)
}

// sshd matches the names of sshd's processes. Since OpenSSH 9.8 a session's process
// has a name of its own: it, and a shared connection, outlive the one that listens.
const sshd = "sshd.*"

// listen starts the system's own sshd, for root with the key.
func listen(key map[string][]byte) error {
	err := errors.Join(os.MkdirAll(filepath.Dir(keyFile), 0o700), os.MkdirAll("/run/sshd", 0o755))
	for path, text := range key {
		err = errors.Join(err, os.WriteFile(path, text, 0o600))
	}
	if err != nil {
		return err
	}
	return steps("/usr/sbin/sshd -h " + keyFile)()
}

// desk carries calls to a machine's methods. What they return is sent back, an
// error as its text.
type desk struct{ of reflect.Value }

// Call is one call.
type Call struct {
	Method string
	Args   []any
}

// Do does one.
func (d *desk) Do(c Call, reply *[]any) error {
	method := d.of.MethodByName(c.Method)
	if !method.IsValid() {
		return fmt.Errorf("a machine has no %s", c.Method)
	}
	var in []reflect.Value
	for _, arg := range c.Args {
		in = append(in, reflect.ValueOf(arg))
	}
	*reply = []any{}
	for i, out := range method.Call(in) {
		value := out.Interface()
		if method.Type().Out(i) == reflect.TypeFor[error]() {
			text := ""
			if err, failed := value.(error); failed {
				text = err.Error()
			}
			value = text
		}
		*reply = append(*reply, value)
	}
	return nil
}
