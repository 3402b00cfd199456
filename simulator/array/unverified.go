package array

// Unverified holds what no public source settles about a real FlashArray.
// The zero value is the behaviour that is assumed; each switch turns one
// assumption around, so that a client can be tested against both.
type Unverified struct {
	// AllowDestroyConnected lets a connected volume be destroyed; its
	// connection rows then survive until it is eradicated. Assumed: refused.
	AllowDestroyConnected bool
	// DisconnectSharedByHost lets DELETE /connections with host_names cut a
	// connection made through a host group, for the whole group. Assumed:
	// refused as a connection that does not exist.
	DisconnectSharedByHost bool

	// WithoutLimit is what a list without limit gives when more than a page
	// exists. Assumed: a page and a token.
	WithoutLimit PageDefault
	// SkipUnknownNames lists the known ones when names holds unknown ones
	// too. Assumed: 400.
	SkipUnknownNames bool
	// LastFilterOnly honours only the last of repeated filter parameters.
	// Assumed: all must hold.
	LastFilterOnly bool
	// AcceptUnknownParameters ignores query parameters that an endpoint does
	// not document in its version. Assumed: 400, to find a client's mistakes.
	AcceptUnknownParameters bool
	// SilentNoAttribute answers a PATCH without a known attribute with 200
	// and no items, and does nothing. Assumed: 400. Both were seen in the field.
	SilentNoAttribute bool

	// AbsoluteSession ends a session IdleTimeout after the login, however
	// busy it is. Assumed: after that much idleness.
	AbsoluteSession bool
	// NVMeConnectivityKnown reports healthy paths for hosts with NQNs.
	// Assumed: critical and None, as every NVMe host of the published
	// answers has while it is connected.
	NVMeConnectivityKnown bool

	// AuditRefused has the audit trail tell of commands that were refused,
	// too. Assumed: only of those that were carried out.
	AuditRefused bool

	// ConnectedText is how the refusal to destroy a connected volume is worded,
	// which nobody has published. Empty is destroyConnected.
	ConnectedText string
}

// PageDefault is what a list without limit gives when more than a page exists.
type PageDefault uint8

const (
	// PageAndToken gives the first page, more_items_remaining and a token.
	PageAndToken PageDefault = iota
	// PageWithoutToken gives the first page and more_items_remaining, but no
	// token to go on with.
	PageWithoutToken
	Everything
)
