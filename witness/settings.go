package witness

import (
	"context"
	"maps"
	"slices"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/records"
)

// Settings says of each pool how its array would be reached, and who says so.
// Of all witnesses only LXD is asked, and only for its pools. What could not
// be found out is in doubts, with a hint about the first of them.
func Settings(ctx context.Context, o Options) (all []config.Setting, doubts []string, hintFor string) {
	o = o.withDefaults()
	doubt := func(text, advice string) {
		doubts = append(doubts, text)
		if hintFor == "" {
			hintFor = advice
		}
	}
	_, pools, err := o.openRecords(ctx, o.limits(ctx))
	if err != nil {
		doubt("LXD: "+err.Error(), records.Hint(err))
	}
	asked, err := o.choose(pools, err == nil)
	if err != nil {
		doubt(err.Error(), "leave --pool out to see all pools")
	}
	for _, a := range asked {
		all = append(all, o.settingsOf(a)...)
		if a.err != nil {
			doubt(a.err.Error(), hint(a.err))
		}
		for _, name := range slices.Sorted(maps.Keys(o.Config.Pools[a.pool].Peers)) {
			if peer := o.peerAccess(a.pool, name); peer.err != nil {
				doubt(peer.err.Error(), hint(peer.err))
			}
		}
	}
	return all, doubts, hintFor
}

// settingsOf are the values that access joins; those that come from the
// configuration's own lines are not repeated.
func (o Options) settingsOf(a access) []config.Setting {
	own, at := o.Config.Pools[a.pool].Array, "pools."+a.pool+".array."
	lxd := func(key string) string { return key + " of storage pool " + a.pool }
	var all []config.Setting
	if own.URL == "" && a.pure.URL != "" {
		all = append(all, config.Setting{Key: at + "url", Value: a.pure.URL, Origin: config.FromLXD, Where: lxd("pure.gateway")})
	}
	// secret.Text prints as [redacted], whatever prints it.
	token := config.Setting{Key: at + "token", Value: a.pure.Token.String(), Origin: config.FromLXD, Where: lxd("pure.api.token")}
	if _, from, err := o.Config.TokenFrom(a.pool, o.Getenv); from.Origin != "" {
		token.Origin, token.Where = from.Origin, from.Where
		if err != nil {
			token.Value = ""
		}
	}
	if token.Value != "" || token.Origin != config.FromLXD {
		all = append(all, token)
	}
	verify := verification(at, own)
	if a.pure.Insecure {
		verify.Value, verify.Origin, verify.Where = "not at all", config.FromLXD, lxd("pure.gateway.verify")
	}
	all = append(all, verify)
	for _, name := range slices.Sorted(maps.Keys(o.Config.Pools[a.pool].Peers)) {
		own, at := o.Config.Pools[a.pool].Peers[name], "pools."+a.pool+".peers."+name+"."
		token := config.Setting{Key: at + "token", Origin: config.FromFile, Where: own.TokenFile}
		if text, err := o.Config.PeerToken(a.pool, name); err == nil {
			token.Value = text.String()
		}
		all = append(all, token, verification(at, own))
	}
	return all
}

// verification is what an array's certificate is held against.
func verification(at string, own config.Array) config.Setting {
	verify := config.Setting{Key: at + "verify", Value: "by the system's authorities", Origin: config.FromDefault}
	switch {
	case own.Fingerprint != "":
		verify.Value, verify.Origin, verify.Where = "by fingerprint", config.FromFile, at+"fingerprint"
	case own.CAFile != "":
		verify.Value, verify.Origin, verify.Where = "by ca_file", config.FromFile, at+"ca_file"
	}
	return verify
}
