package lxd

import (
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// volume is a volume as the driver works on it: a record, or half of one.
type volume struct {
	volumeKey
	content string
	uuid    string
	// parent is the UUID of the volume that this is a snapshot of.
	parent string
	bytes  int64
}

// defaultBytes is the size of a volume that nobody gave one, and fsHalfBytes
// that of a virtual machine's second volume.
const (
	defaultBytes = 10 << 30
	fsHalfBytes  = 100 << 20
)

func (v volume) isSnapshot() bool { return strings.Contains(v.name, "/") }

// isPair reports a virtual machine's volume, or its image's: two array volumes
// of one UUID.
func (v volume) isPair() bool {
	return v.content == evidence.ContentBlock && (v.kind == evidence.TypeVM || v.kind == evidence.TypeImage)
}

// fsHalf is the filesystem volume that goes with a pair's block volume.
func (v volume) fsHalf() volume {
	v.content = evidence.ContentFilesystem
	v.bytes = fsHalfBytes
	return v
}

// parentVolume is the volume that a snapshot is of.
func (v volume) parentVolume() volume {
	v.uuid, v.parent = v.parent, ""
	v.name, _, _ = strings.Cut(v.name, "/")
	return v
}

var (
	typeLetters     = map[string]string{evidence.TypeContainer: "c", evidence.TypeVM: "v", evidence.TypeImage: "i", evidence.TypeCustom: "u"}
	contentSuffixes = map[string]string{evidence.ContentBlock: "-b", evidence.ContentISO: "-i"}
	directories     = map[string]string{evidence.TypeContainer: "containers", evidence.TypeVM: "virtual-machines", evidence.TypeImage: "images", evidence.TypeCustom: "custom"}
)

// arrayName is the volume's name on the array, within the pod; of a snapshot
// it is the suffix of the array's snapshot, and the name of the temporary
// volume through which LXD mounts it.
func (v volume) arrayName() string {
	name := typeLetters[v.kind] + "-" + strings.ReplaceAll(v.uuid, "-", "") + contentSuffixes[v.content]
	if v.isSnapshot() {
		name = "s" + name
	}
	return name
}

// ArrayNames are the array's names, "pod::volume", of all that a record of a
// volume stands for: two for a virtual machine and its image. For a record of
// a snapshot they are the names of the array's snapshots, "pod::volume.suffix",
// and parent is the record of the volume.
func ArrayNames(record, parent Volume) []string {
	v := volume{
		volumeKey: record.key(), content: record.Content, uuid: record.UUID(), parent: parent.UUID(),
	}
	halves := []volume{v}
	if v.isPair() {
		halves = append(halves, v.fsHalf())
	}
	var names []string
	for _, h := range halves {
		name := h.pool + "::" + h.arrayName()
		if h.isSnapshot() {
			name = h.pool + "::" + h.parentVolume().arrayName() + "." + h.arrayName()
		}
		names = append(names, name)
	}
	return names
}

// storageName is the volume's name in paths: with the project in front,
// except for instances of the default project and for images.
func (v volume) storageName() string {
	if v.kind == evidence.TypeImage || (v.project == DefaultProject && v.kind != evidence.TypeCustom) {
		return v.name
	}
	return v.project + "_" + v.name
}

// directory is where the volume is mounted, below LXD's storage-pools: the
// kind of directory and the name in it.
func (v volume) directory() (kind, name string) {
	kind, name = directories[v.kind], v.storageName()
	if v.isSnapshot() {
		kind += "-snapshots"
	}
	return kind, name
}
