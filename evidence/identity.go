package evidence

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// OUI is Pure Storage's IEEE company id as it stands in WWIDs and NGUIDs.
const OUI = "24a937"

// Serial is a volume's serial number on the array, the one key that joins an
// array volume to a host's devices: 24 hexadecimal digits, upper case, of
// which the first 16 are the creating array's. Empty means not known. Make
// one with ParseSerial or SerialOf so that equal volumes compare equal.
type Serial string

// ParseSerial reads the array's spelling of a serial.
func ParseSerial(s string) (Serial, error) {
	if len(s) != 24 || !isHex(s) {
		return "", fmt.Errorf("%q is not a serial of 24 hexadecimal digits", s)
	}
	return Serial(strings.ToUpper(s)), nil
}

// SerialOf finds the serial in any spelling a host uses for the identity of a
// Pure volume: a sysfs wwid ("naa.624a9370…", "eui.00…"), a multipath WWID
// ("3624a9370…"), a dm uuid ("mpath-3624a9370…", "part1-mpath-3624a9370…"),
// a by-id link's name, also of a partition, or an NGUID with or without dashes.
// It returns false
// for everything that does not carry Pure's company id.
func SerialOf(s string) (Serial, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if i := strings.LastIndex(s, "mpath-"); i >= 0 {
		s = s[i+len("mpath-"):]
	}
	if i := strings.LastIndex(s, "-part"); i > 0 && strings.Trim(s[i+len("-part"):], "0123456789") == "" {
		s = s[:i] // a partition's link
	}
	if _, digits, ok := strings.Cut(s, "spure_flasharray_"); ok {
		// udev's name of vendor, model and serial.
		serial, err := ParseSerial(digits)
		return serial, err == nil
	}
	for _, prefix := range []string{"scsi-", "wwn-", "nvme-", "naa.", "eui.", "0x"} {
		s = strings.TrimPrefix(s, prefix)
	}
	// Twice: links are spelled "wwn-0x…", "nvme-eui.…" and "nvme-uuid.…".
	for _, prefix := range []string{"eui.", "uuid.", "naa.", "0x"} {
		s = strings.TrimPrefix(s, prefix)
	}
	if len(s) == 33 && s[0] == '3' {
		s = s[1:]
	}
	s = strings.ReplaceAll(s, "-", "")
	if len(s) != 32 || !isHex(s) {
		return "", false
	}
	switch {
	case strings.HasPrefix(s, "6"+OUI+"0"):
		return Serial(strings.ToUpper(s[8:])), true
	case strings.HasPrefix(s, "00") && s[16:22] == OUI:
		return Serial(strings.ToUpper(s[2:16] + s[22:])), true
	default:
		return "", false
	}
}

// WWID is the multipath spelling, "3624a9370…".
func (s Serial) WWID() string { return "36" + OUI + "0" + strings.ToLower(string(s)) }

// NAA is the SCSI sysfs spelling, "naa.624a9370…".
func (s Serial) NAA() string { return "naa.6" + OUI + "0" + strings.ToLower(string(s)) }

// MapUUID is the device-mapper uuid of the volume's multipath map.
func (s Serial) MapUUID() string { return "mpath-" + s.WWID() }

// EUI is the NVMe sysfs spelling, "eui.00…"; empty for a malformed serial.
func (s Serial) EUI() string {
	if len(s) != 24 {
		return ""
	}
	l := strings.ToLower(string(s))
	return "eui.00" + l[:14] + OUI + l[14:]
}

// Creator is the part of the serial that names the array which created the
// volume: the first 16 digits of its id. Undocumented, so a hint only.
func (s Serial) Creator() string {
	if len(s) != 24 {
		return ""
	}
	return string(s[:16])
}

// UUID is LXD's volatile.uuid of a volume or snapshot.
type UUID [16]byte

// ParseUUID reads 32 hexadecimal digits, with the usual four hyphens or none.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	digits := make([]byte, 0, 36)
	switch {
	case len(s) == 32:
		digits = append(digits, s...)
	case len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-':
		for _, part := range [...]string{s[:8], s[9:13], s[14:18], s[19:23], s[24:]} {
			digits = append(digits, part...)
		}
	default:
		return u, fmt.Errorf("%q is not a UUID", s)
	}
	if _, err := hex.Decode(u[:], digits); err != nil {
		return UUID{}, fmt.Errorf("%q is not a UUID", s)
	}
	return u, nil
}

// IsZero reports the UUID that means none.
func (u UUID) IsZero() bool { return u == UUID{} }

// Hex is the spelling of array names: 32 lower-case digits.
func (u UUID) Hex() string { return hex.EncodeToString(u[:]) }

// String is LXD's spelling, with hyphens.
func (u UUID) String() string {
	h := u.Hex()
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// MarshalText writes String, or nothing for the zero UUID.
func (u UUID) MarshalText() ([]byte, error) {
	if u.IsZero() {
		return []byte{}, nil
	}
	return []byte(u.String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (u *UUID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*u = UUID{}
		return nil
	}
	v, err := ParseUUID(string(text))
	if err != nil {
		return err
	}
	*u = v
	return nil
}

// Name is what an array object's name says when it follows LXD's naming. The
// zero Name follows no naming: the object is not LXD's. Package records has
// the codec.
type Name struct {
	// Snapshot marks the names of snapshots ("sc-…"): as the suffix of an
	// array snapshot, or as a volume, LXD's temporary copy of that snapshot.
	Snapshot bool `json:"snapshot,omitempty"`
	// Type is LXD's: container, virtual-machine, image or custom.
	Type string `json:"type,omitempty"`
	// Content is filesystem, block or iso. A virtual machine and its image
	// have two array volumes of one UUID: the block half and the filesystem
	// half.
	Content string `json:"content,omitempty"`
	UUID    UUID   `json:"uuid,omitzero"`
}

// OtherHalf is what the array calls the other half of a volume that has two:
// the block half ends in "-b".
func OtherHalf(volume string) string {
	if filesystem, ok := strings.CutSuffix(volume, "-b"); ok {
		return filesystem
	}
	return volume + "-b"
}

// IsLXD reports whether the name follows LXD's naming.
func (n Name) IsLXD() bool { return n.Type != "" }

// LXD's volume types and contents, as its API spells them.
const (
	TypeContainer = "container"
	TypeVM        = "virtual-machine"
	TypeImage     = "image"
	TypeCustom    = "custom"

	ContentFilesystem = "filesystem"
	ContentBlock      = "block"
	ContentISO        = "iso"
)

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
