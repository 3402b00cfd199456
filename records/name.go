package records

import (
	"fmt"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// form is one shape of name that LXD's pure driver writes: an optional "s" for
// a snapshot, a letter for the type, a hyphen, the 32 digits of volatile.uuid,
// and a suffix for the content.
type form struct {
	letter  byte
	suffix  string
	kind    string
	content string
	// snapshot says whether LXD makes snapshots of it: images have none, and
	// of a custom ISO volume none can be made.
	snapshot bool
}

// forms is every shape there is. What has none of them is not LXD's. "v-…" and
// "i-…" without a suffix are the file system half of a virtual machine or of
// its image, and "i-…" is also the whole of a container's image: the name
// alone does not tell which.
var forms = []form{
	{letter: 'c', suffix: "", kind: evidence.TypeContainer, content: evidence.ContentFilesystem, snapshot: true},
	{letter: 'v', suffix: "-b", kind: evidence.TypeVM, content: evidence.ContentBlock, snapshot: true},
	{letter: 'v', suffix: "", kind: evidence.TypeVM, content: evidence.ContentFilesystem, snapshot: true},
	{letter: 'i', suffix: "-b", kind: evidence.TypeImage, content: evidence.ContentBlock},
	{letter: 'i', suffix: "", kind: evidence.TypeImage, content: evidence.ContentFilesystem},
	{letter: 'u', suffix: "", kind: evidence.TypeCustom, content: evidence.ContentFilesystem, snapshot: true},
	{letter: 'u', suffix: "-b", kind: evidence.TypeCustom, content: evidence.ContentBlock, snapshot: true},
	{letter: 'u', suffix: "-i", kind: evidence.TypeCustom, content: evidence.ContentISO},
}

const uuidDigits = 32

// ParseName reads the name of an array object: of a volume the part after
// "pod::", of an array snapshot the suffix after its volume's name. It is false
// for what LXD never writes, which is then not LXD's and must not be touched.
//
// LXD writes lower case only. The array keeps the case it was given, so a name
// in capitals was not given by LXD, although the array would not let the two
// stand side by side. A UUID of zeros, which LXD never makes, is refused too:
// in evidence it means "none".
func ParseName(name string) (evidence.Name, bool) {
	rest, snapshot := strings.CutPrefix(name, "s")
	if len(rest) < 2+uuidDigits || rest[1] != '-' {
		return evidence.Name{}, false
	}
	digits, suffix := rest[2:2+uuidDigits], rest[2+uuidDigits:]
	if strings.ToLower(digits) != digits {
		return evidence.Name{}, false
	}
	for _, f := range forms {
		if f.letter != rest[0] || f.suffix != suffix || snapshot && !f.snapshot {
			continue
		}
		id, err := evidence.ParseUUID(digits)
		if err != nil || id.IsZero() {
			return evidence.Name{}, false
		}
		return evidence.Name{Snapshot: snapshot, Type: f.kind, Content: f.content, UUID: id}, true
	}
	return evidence.Name{}, false
}

// formOf is the form that a name has, or why it has none.
func formOf(n evidence.Name) (form, error) {
	if n.UUID.IsZero() {
		return form{}, fmt.Errorf("a volume of type %q without a UUID has no name on the array", n.Type)
	}
	for _, f := range forms {
		if f.kind != n.Type || f.content != n.Content {
			continue
		}
		if n.Snapshot && !f.snapshot {
			return form{}, fmt.Errorf("LXD makes no snapshots of a volume of type %q with content %q", n.Type, n.Content)
		}
		return f, nil
	}
	return form{}, fmt.Errorf("LXD has no volume of type %q with content %q", n.Type, n.Content)
}

// nameable says why a record stands for nothing that LXD makes, if it does.
func nameable(r *evidence.Record) error {
	if r.Type == evidence.TypeVM && r.Content != evidence.ContentBlock {
		// Its file system half has no record of its own.
		return fmt.Errorf("a virtual machine's record has content %q instead of %q", r.Content, evidence.ContentBlock)
	}
	_, err := formOf(evidence.Name{Snapshot: r.Snapshot, Type: r.Type, Content: r.Content, UUID: r.UUID})
	return err
}

// ArrayNames names the array objects that one record stands for: volumes, or
// of a snapshot's record, array snapshots. A virtual machine and its image
// have two, the block half first; everything else has one. It fails for a
// record that can't be understood.
func ArrayNames(r evidence.Record) ([]evidence.Name, error) {
	if err := nameable(&r); err != nil {
		return nil, err
	}
	whole := evidence.Name{Snapshot: r.Snapshot, Type: r.Type, Content: r.Content, UUID: r.UUID}
	names := []evidence.Name{whole}
	if r.Content == evidence.ContentBlock && (r.Type == evidence.TypeVM || r.Type == evidence.TypeImage) {
		half := whole
		half.Content = evidence.ContentFilesystem
		names = append(names, half)
	}
	return names, nil
}
