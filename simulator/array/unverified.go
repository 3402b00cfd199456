package array

import "reflect"

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
	// DeleteGroupedHost lets a host be deleted while it is in a host group
	// (without connections). Assumed: refused.
	DeleteGroupedHost bool

	// WithoutLimit is what a list without limit gives when more than a page
	// exists. Assumed: a page and a token.
	WithoutLimit PageDefault
	// SkipUnknownNames lists the known ones when names holds unknown ones
	// too. Assumed: 400.
	SkipUnknownNames bool
	// PartialSuccess carries out a call on several names for those that are
	// possible and reports the others with 400. Assumed: all or nothing.
	PartialSuccess bool
	// LastFilterOnly honours only the last of repeated filter parameters.
	// Assumed: all must hold.
	LastFilterOnly bool
	// IgnoreArrayNames ignores the parameter names of GET /arrays, which is
	// not documented. Assumed: it selects, and a peer's name selects nothing.
	IgnoreArrayNames bool
	// AcceptUnknownParameters ignores query parameters that an endpoint does
	// not document in its version. Assumed: 400, to find a client's mistakes.
	AcceptUnknownParameters bool
	// SilentNoAttribute answers a PATCH without a known attribute with 200
	// and no items, and does nothing. Assumed: 400. Both were seen in the field.
	SilentNoAttribute bool

	// HideQuotaBefore223 keeps a pod's quota_limit out of versions before
	// 2.23, which is the first to document it. Assumed: accepted and shown.
	HideQuotaBefore223 bool
	// EnforceQuota refuses what would exceed a pod's quota_limit, counting
	// destroyed volumes too. Assumed: stored and shown only.
	EnforceQuota bool
	// PodRestoreLeavesContents recovers a pod without what was destroyed
	// together with it. Assumed: its contents come back.
	PodRestoreLeavesContents bool
	// OverwriteRestoresDestroyed lets POST /volumes?overwrite=true onto a
	// destroyed volume recover and overwrite it. Assumed: refused.
	OverwriteRestoresDestroyed bool
	// SourceShowsSnapshot names the snapshot in a copy's source when it was
	// made from one. Assumed: the snapshot's volume.
	SourceShowsSnapshot bool
	// NoUndoSnapshots makes overwrite and truncate leave no destroyed
	// snapshot behind. Documented for truncate; its name is invented.
	NoUndoSnapshots bool

	// AbsoluteSession ends a session IdleTimeout after the login, however
	// busy it is. Assumed: after that much idleness.
	AbsoluteSession bool
	// SessionTimesInMilliseconds is the unit of start_time and end_time in
	// sessions. Assumed: seconds, as the published examples look.
	SessionTimesInMilliseconds bool
	// NVMeConnectivityKnown reports healthy paths for hosts with NQNs.
	// Assumed: critical and None, as every NVMe host of the published
	// answers has while it is connected.
	NVMeConnectivityKnown bool

	// AuditRefused has the audit trail tell of commands that were refused,
	// too. Assumed: only of those that were carried out.
	AuditRefused bool

	// Texts replaces messages that nobody has published.
	Texts Texts
}

// PageDefault is what a list without limit gives when more than a page exists.
type PageDefault uint8

// The choices of Unverified.WithoutLimit.
const (
	// PageAndToken gives the first page, more_items_remaining and a token.
	PageAndToken PageDefault = iota
	// PageWithoutToken gives the first page and more_items_remaining, but no
	// token to go on with.
	PageWithoutToken
	// Everything gives all items at once.
	Everything
)

// Texts are messages of refusals whose fact is known or likely but whose
// wording is INVENTED here, by analogy with published ones. A client must
// not depend on any of them; set one to test that it does not. Those that
// begin with a space follow the kind of object ("Volume", "Pod"); BadFilter
// is followed by the reason.
type Texts struct {
	DestroyConnected string
	EradicateLive    string
	RecoverLive      string
	VolumeExists     string
	Shrink           string
	BadSize          string
	LUNInUse         string
	NoLUN            string
	SharedDisconnect string
	GroupedHost      string
	GroupInUse       string
	HostInGroup      string
	RemoteHost       string
	PodNotEmpty      string
	PodStretched     string
	PodEradicate     string
	QuotaExceeded    string
	ProtectionLocked string
	BadFilter        string
	BadSort          string
	BadToken         string
	UnknownParameter string
	MissingParameter string
	BadParameter     string
	BadBody          string
	Unsupported      string
	BadName          string
	SnapshotExists   string
}

// inventedTexts is never changed.
var inventedTexts = Texts{
	DestroyConnected: "Volume cannot be deleted due to existing connections.",
	EradicateLive:    " has not been destroyed.",
	RecoverLive:      " is not destroyed.",
	VolumeExists:     "Volume already exists.",
	Shrink:           "Volume cannot be reduced in size without truncate.",
	BadSize:          "Volume size must be a multiple of 512 bytes between 1 MB and 4 PB.",
	LUNInUse:         "The specified LUN is already in use.",
	NoLUN:            "No LUN is available.",
	SharedDisconnect: "Connection does not exist.",
	GroupedHost:      "Host cannot be deleted because it belongs to a host group.",
	GroupInUse:       "Host group cannot be deleted while it has hosts or connections.",
	HostInGroup:      "Host already belongs to a host group.",
	RemoteHost:       "Host belongs to a remote array.",
	PodNotEmpty:      "Pod cannot be destroyed because it is not empty.",
	PodStretched:     "Pod cannot be destroyed because it is stretched.",
	PodEradicate:     "Cannot eradicate pod with contents that cannot be eradicated.",
	QuotaExceeded:    "Pod quota limit would be exceeded.",
	ProtectionLocked: "Protection group retention is locked.",
	BadFilter:        "Invalid filter: ",
	BadSort:          "Invalid sort field.",
	BadToken:         "Invalid continuation token.",
	UnknownParameter: "Unknown query parameter.",
	MissingParameter: "Missing required query parameter.",
	BadParameter:     "Invalid query parameter value.",
	BadBody:          "Invalid request body.",
	Unsupported:      "Not supported by this simulator.",
	BadName:          " name must be between 1 and 63 characters (alphanumeric, '_' and '-') in length and begin and end with a letter or number.",
	SnapshotExists:   "Volume snapshot already exists.",
}

// filled is the texts with the invented ones where none was chosen.
func (t Texts) filled() Texts {
	chosen, invented := reflect.ValueOf(&t).Elem(), reflect.ValueOf(inventedTexts)
	for i := range chosen.NumField() {
		if chosen.Field(i).String() == "" {
			chosen.Field(i).Set(invented.Field(i))
		}
	}
	return t
}
