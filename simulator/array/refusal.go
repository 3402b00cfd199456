package array

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Messages that were published or seen on real arrays.
const (
	noVolume           = "Volume does not exist."
	noVolumeOrSnapshot = "No such volume or snapshot."
	noHost             = "Host does not exist."
	hostExists         = "Host already exists."
	connectionExists   = "Connection already exists."
	noConnection       = "Connection does not exist."
	volumeDestroyed    = "Volume has been destroyed."
	volumeDeleted      = "Volume has been deleted."
	snapshotDestroyed  = "Volume snapshot has been destroyed. It can be recovered by purevol recover and eradicated by purevol eradicate."
	eradicationOff     = "Eradication is disabled."
	hostConnected      = "Host cannot be deleted due to existing connections."
	badCombination     = "Invalid combination of parameters specified."
	noAttribute        = "No attribute specified."
	noProtection       = "Protection group does not exist."
	badToken           = "Unable to list user for API token."
	badSession         = "Invalid session."

	// By analogy with those above.
	noPod          = "Pod does not exist."
	podExists      = "Pod already exists."
	noGroup        = "Host group does not exist."
	groupExists    = "Host group already exists."
	protectDeleted = "Protection group has been deleted."

	// As the vendor's Ansible module says it, which asks no array.
	intoStretched  = "Volume cannot be moved into a stretched pod."
	outOfStretched = "Volume cannot be moved out of a stretched pod."
)

// Messages of refusals whose fact is known or likely, but whose wording is
// invented here by analogy with published ones: a client must not depend on
// them. Those that begin with a space follow the kind of object ("Volume",
// "Pod"); badFilter is followed by the reason.
const (
	destroyConnected = "Volume cannot be deleted due to existing connections."
	eradicateLive    = " has not been destroyed."
	recoverLive      = " is not destroyed."
	volumeExists     = "Volume already exists."
	lunInUse         = "The specified LUN is already in use."
	groupedHost      = "Host cannot be deleted because it belongs to a host group."
	hostInGroup      = "Host already belongs to a host group."
	remoteHost       = "Host belongs to a remote array."
	badFilter        = "Invalid filter: "
	badSort          = "Invalid sort field."
	badPageToken     = "Invalid continuation token."
	unknownParameter = "Unknown query parameter."
	missingParameter = "Missing required query parameter."
	badBody          = "Invalid request body."
	unsupported      = "Not supported by this simulator."
	snapshotExists   = "Volume snapshot already exists."
)

func inUse(kind string) string { return "The specified " + kind + " is already in use." }

type problem struct {
	// Context names the object; null for a general error.
	Context *string `json:"context"`
	Message string  `json:"message"`
}

// refusal is an answer other than 200: nearly every one is 400, a missing
// object too.
type refusal struct {
	status   int
	problems []problem
}

func (r *refusal) Error() string {
	if of := r.problems[0].Context; of != nil {
		return *of + ": " + r.problems[0].Message
	}
	return r.problems[0].Message
}

func (r *refusal) body() []byte {
	b, _ := json.Marshal(map[string]any{"errors": r.problems}) // plain text always encodes
	return b
}

func refuse(message, context string) *refusal {
	return &refusal{http.StatusBadRequest, []problem{{&context, message}}}
}

func refuseAll(message string) *refusal {
	return &refusal{http.StatusBadRequest, []problem{{nil, message}}}
}

// asRefusal turns any error of the rules into a refusal.
func asRefusal(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return refuseAll(err.Error())
}
