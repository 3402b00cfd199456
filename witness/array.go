package witness

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/records"
	"github.com/pureclean/pureclean/secret"
)

// logoutTimeout bounds the good-bye, which is sent even after a Ctrl-C.
const logoutTimeout = 3 * time.Second

// access is how one pool's array is reached, or why it can't be.
type access struct {
	pool string
	pure pure.Access
	// pin is the id of the only array that may answer for the pool.
	pin string
	// peer is the configuration's name of it where it is the pool's peer.
	peer string
	err  error
}

// array is one array and the pools that live on it.
type array struct {
	pure   pure.Access
	pools  []string
	pins   []pin
	err    error
	reader *pure.Reader
	// more are pods of pools of other arrays that are stretched to this one.
	more []string
	// peer is set for what is read as the peer of its pools' arrays only.
	peer string
}

// title names an array before it has told its name.
func (a *array) title() string {
	if a.peer != "" {
		return "peer " + a.peer + " of " + strings.Join(a.pools, ", ")
	}
	return "the array of " + strings.Join(a.pools, ", ")
}

// access joins what LXD says of a pool's array with the configuration, which
// wins.
func (o Options) access(pool records.PoolAccess) access {
	own := o.Config.Pools[pool.Pool.Name].Array
	url := cmp.Or(own.URL, pool.Pool.Gateway)
	a := access{pool: pool.Pool.Name, pin: own.ID, pure: pure.Access{
		URL:         secret.Address(url),
		Token:       pool.Token,
		Fingerprint: own.Fingerprint,
		// LXD's pure.gateway.verify=false is the operator's word, unless
		// the configuration gives us something to verify with.
		Insecure: !pool.Verify && own.Fingerprint == "" && own.CAFile == "",
	}}
	if a.err = a.readCA(own.CAFile); a.err != nil {
		return a
	}
	token, _, err := o.Config.TokenFrom(a.pool, o.Getenv)
	if err != nil {
		a.err = err
		return a
	}
	if !token.IsEmpty() {
		a.pure.Token = token
	}
	if a.pure.URL == "" || a.pure.Token.IsEmpty() {
		a.err = &NoAccessError{Pool: a.pool}
		return a
	}
	// The URL itself, and not what is shown of it: what is left out there is refused.
	a.err = pure.CheckGateway(url, a.pure.Insecure)
	return a
}

func (a *access) readCA(file string) (err error) {
	if file == "" {
		return nil
	}
	if a.pure.CA, err = config.ReadCA(file); err != nil {
		return fmt.Errorf("the array's CA file: %w", err)
	}
	return nil
}

// NoAccessError is a pool of which neither LXD nor the configuration tells
// how to reach its array.
type NoAccessError struct{ Pool string }

func (e *NoAccessError) Error() string {
	return fmt.Sprintf("pool %s: LXD does not show its array's address and token, and no configuration names them", e.Pool)
}

func hint(err error) string {
	switch err.(type) { //nolint:errorlint // made in this package, never wrapped
	case *NoAccessError:
		return "run as root or as a member of group lxd, or set pools.POOL.array in the configuration"
	case *pinsError:
		return "give pools on one array the same pools.POOL.array.id, or each pool the address of its own array"
	case *strayPeerError:
		return "give pools.POOL.peers.NAME the address and the id of the array to which the pod is stretched"
	}
	return pure.Hint(err)
}

// group puts pools that share an array into one question.
func group(pools []access) []*array {
	var arrays []*array
	for _, pool := range pools {
		same := find(arrays, pool)
		if same == nil {
			same = &array{pure: pool.pure, err: pool.err, peer: pool.peer}
			arrays = append(arrays, same)
		}
		same.pools = append(same.pools, pool.pool)
		if pool.pin != "" {
			same.pins = append(same.pins, pin{pool.pool, pool.pin, pool.peer})
		}
	}
	return arrays
}

func find(arrays []*array, pool access) *array {
	for _, a := range arrays {
		if pool.err == nil && a.err == nil && sameAccess(a.pure, pool.pure) {
			return a
		}
	}
	return nil
}

// sameAccess compares how arrays are reached, and not which one is expected.
func sameAccess(a, b pure.Access) bool {
	return a.URL == b.URL && a.Token.Reveal() == b.Token.Reveal() && a.Fingerprint == b.Fingerprint &&
		a.Insecure == b.Insecure && string(a.CA) == string(b.CA)
}

func (o Options) observeArray(ctx context.Context, a *array, part *part) evidence.Array {
	name := strings.Join(a.pools, ", ")
	if a.peer != "" {
		name = a.title()
	}
	defer o.asking(ctx, "array", name)()
	err := a.err
	if err == nil {
		err = a.pinned()
	}
	if err == nil && a.reader == nil {
		options := o.Array
		options.Progress = func(got, of int64) { o.Progress(Asking{Kind: "array", Name: name, Got: got, Of: of}) }
		a.reader, err = pure.Open(ctx, a.pure, options)
	}
	if err != nil {
		silent := o.unread(a, name, err)
		silent.Hint = lateHint(ctx, silent.Trouble, silent.Hint)
		return silent
	}
	if part != nil {
		return part.again(ctx, a)
	}
	pods := slices.Concat(a.pools, a.more)
	said := a.reader.Observe(ctx, pods)
	if err := a.moved(said); err != nil {
		return o.unread(a, name, err)
	}
	said.Hint = lateHint(ctx, said.Trouble, said.Hint)
	decode(&said)
	contradictions(&said, pods)
	return said
}

// unread is an array that could not be asked, or that is not the one that was
// to be asked: of what another one said nothing is kept.
func (o Options) unread(a *array, name string, err error) evidence.Array {
	who := cmp.Or(a.pure.URL, "the array of "+name)
	silent := evidence.Array{Source: o.silent(who, a.named(err), hint(err)), Gateway: a.pure.URL}
	if a.peer != "" {
		silent.Asked = slices.Clone(a.pools) // who reads the pod's other array finds out why
	}
	return silent
}

// decode says of each name whether it follows LXD's naming. A name that does
// not is not LXD's and is never touched.
func decode(said *evidence.Array) {
	for volume := range evidence.Refs(said.Volumes.Items) {
		if volume.LXD != (evidence.Name{}) {
			continue // by an earlier look, of which this one has the row
		}
		if pod, name, ok := strings.Cut(volume.Name, "::"); ok && strings.EqualFold(pod, volume.Pod) {
			if is, ours := records.ParseName(name); ours {
				volume.LXD = is // what is none stays none: others may read the same row
			}
		}
	}
	for snapshot := range evidence.Refs(said.Snapshots.Items) {
		if snapshot.LXD == (evidence.Name{}) {
			if is, ours := records.ParseName(snapshot.Suffix); ours {
				snapshot.LXD = is
			}
		}
	}
}

// closeAll logs out everywhere. The session would end by itself; one that
// can't be closed is no finding.
func closeAll(ctx context.Context, arrays []*array) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTimeout)
	defer cancel()
	each(len(arrays), func(i int) {
		if arrays[i].reader != nil {
			_ = arrays[i].reader.Close(ctx)
		}
	})
}
