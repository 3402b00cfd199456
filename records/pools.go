package records

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/secret"
)

// PoolAccess is a pool with driver pure and what its configuration says about
// reaching the array.
type PoolAccess struct {
	Pool evidence.Pool
	// Token is the array's API token; empty when LXD does not show us the
	// pool's configuration.
	Token secret.Text
	// Verify says whether the array's certificate is to be checked.
	Verify bool
}

const driverPure = "pure"

// poolRow is what is read of a pool.
type poolRow struct {
	Name, Driver, Status string
	// Config is nil for those who may not edit the pool.
	Config *poolConfig
	// UsedBy lists every volume and snapshot of the pool: LXD makes it from
	// the same records, but by another way than the list of volumes.
	UsedBy []string
}

type poolConfig struct {
	Gateway, Verify, Mode, Target string
	Token                         secret.Text
}

// readPool reads a pool piece by piece: it is larger than any other row,
// because it names all its volumes, about as many as before. Its users are left
// out where nobody wants them.
func readPool(users bool, before *earlier) func(*puller) poolRow {
	return func(p *puller) poolRow { return p.pool(users, before) }
}

func (p *puller) pool(users bool, before *earlier) poolRow {
	row := poolRow{UsedBy: []string{}}
	if p.stream.Next() != '{' {
		p.nothing()
		return row
	}
	p.stream.Members(func(key string) {
		switch key {
		case "name":
			row.Name = p.text()
		case "driver":
			row.Driver = p.text()
		case "status":
			row.Status = p.text()
		case "config":
			row.Config = whole(readPoolConfig)(p)
		case "used_by":
			switch {
			case p.stream.Next() != '[':
				p.nothing()
			case !users:
				p.stream.Elements(p.skip) // it may be longer than one value can be
			default:
				row.UsedBy = slices.Grow(row.UsedBy[:0], len(before.ofPool(row.Name)))
				p.stream.Elements(func() { row.UsedBy = append(row.UsedBy, p.text()) })
			}
		default:
			p.skip()
		}
	})
	return row
}

func readPoolConfig(p *pulled) *poolConfig {
	if p.Peek() == 'n' {
		p.Skip()
		return nil
	}
	config := &poolConfig{}
	for key := range p.object {
		switch string(key) {
		case "pure.gateway":
			config.Gateway = p.text()
		case "pure.gateway.verify":
			config.Verify = p.text()
		case "pure.api.token":
			config.Token = secret.New(p.text())
		case "pure.mode":
			config.Mode = p.text()
		case "pure.target":
			config.Target = p.text()
		default:
			p.Skip()
		}
	}
	return config
}

// modes maps pure.mode to ours; LXD up to 6.8 and 5.21 writes plain "nvme".
var modes = map[string]string{
	"iscsi":    evidence.ModeISCSI,
	"nvme":     evidence.ModeNVMeTCP,
	"nvme/tcp": evidence.ModeNVMeTCP,
	"scsi/fc":  evidence.ModeFC,
	"nvme/fc":  evidence.ModeNVMeFC,
}

// off are the spellings of false in LXD's configuration.
var off = map[string]bool{"0": true, "false": true, "no": true, "off": true}

const poolsPath = "/1.0/storage-pools?recursion=1"

func (r *Reader) pools(ctx context.Context, before *earlier) reply[[]poolRow] {
	return getRows(ctx, r, poolsPath, 0, readPool(true, before))
}

// Pools lists the pools with driver pure, with what is needed to reach their
// arrays.
func (r *Reader) Pools(ctx context.Context) ([]PoolAccess, error) {
	got := getRows(ctx, r, poolsPath, 0, readPool(false, nil))
	if got.err != nil {
		return nil, got.err
	}
	access := []PoolAccess{}
	for _, row := range got.value {
		if row.Driver == driverPure && row.Name != "" {
			access = append(access, row.access())
		}
	}
	return access, nil
}

func (p poolRow) access() PoolAccess {
	a := PoolAccess{Pool: evidence.Pool{Name: p.Name, Status: p.Status, Targets: []string{}}, Verify: true}
	if p.Config == nil {
		return a
	}
	a.Token = p.Config.Token
	a.Verify = !off[strings.ToLower(p.Config.Verify)]
	a.Pool.Gateway = p.Config.Gateway
	a.Pool.Mode = p.Config.Mode
	if mode, ok := modes[p.Config.Mode]; ok {
		a.Pool.Mode = mode
	}
	for target := range strings.SplitSeq(p.Config.Target, ",") {
		if target = strings.TrimSpace(target); target != "" {
			a.Pool.Targets = append(a.Pool.Targets, target)
		}
	}
	return a
}

// pure is the pools with driver pure, in LXD's order. One without a name can't
// be asked about; poolList says so.
func (a *answers) pure() []poolRow {
	var out []poolRow
	for _, row := range a.pools.value {
		if row.Driver == driverPure && row.Name != "" {
			out = append(out, row)
		}
	}
	return out
}

// lists reports whether LXD lists a pool of that name, of any driver.
func (a *answers) lists(pool string) bool {
	return slices.ContainsFunc(a.pools.value, func(row poolRow) bool { return row.Name == pool })
}

// poolList judges the pools' rows. Several things hide a pool without a word;
// each leaves a trace elsewhere.
func (a *answers) poolList(d *doubts) []evidence.Pool {
	items := []evidence.Pool{}
	d.fail(a.pools.err)
	for _, row := range a.pools.value {
		switch {
		case row.Name == "" || row.Driver == "":
			d.add("pool %q has driver %q", row.Name, row.Driver)
		case row.Driver != driverPure:
			continue
		case row.Config == nil:
			d.add("LXD does not show us the configuration of pool %q", row.Name)
			d.advise(Hint(errForbidden))
		case row.Config.Gateway == "":
			d.add("pool %q has no pure.gateway", row.Name)
		case modes[row.Config.Mode] == "":
			d.add("pool %q has pure.mode %q, which we don't know", row.Name, row.Config.Mode)
		}
		if row.Driver == driverPure {
			pool := row.access().Pool
			pool.Gateway = secret.Address(pool.Gateway) // this is shown
			items = append(items, pool)
		}
	}
	for _, pool := range a.hiddenPools() {
		if !a.lists(pool) {
			d.add("pool %q is hidden by a limit of project default", pool)
			d.advise(fmt.Sprintf("unset limits.disk.pool.%s of project default, or set it above 0", pool))
		}
	}
	if a.pools.err != nil {
		return items
	}
	for _, pool := range a.poolsInUse() {
		if !a.lists(pool) {
			d.add("a project has volumes in pool %q, which LXD does not list", pool)
		}
	}
	for inst := range evidence.Refs(a.instances.value) {
		for _, device := range inst.Devices {
			if pool := device.Pool; pool != "" && !a.lists(pool) {
				d.add("instance %q (project %q) uses pool %q, which LXD does not list", inst.Name, inst.Project, pool)
			}
		}
	}
	return items
}
