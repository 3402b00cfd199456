package kernel

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/pureclean/pureclean/evidence"
)

// pageIdentification is VPD page 0x83, Device Identification.
const pageIdentification = 0x83

// SCSI status codes, sense keys and what belongs to them (SAM, SPC).
const (
	statusGood           = 0x00
	statusCheckCondition = 0x02

	keyIllegalRequest = 0x5
	keyUnitAttention  = 0x6
	// ascNoSuchUnit is LOGICAL UNIT NOT SUPPORTED.
	ascNoSuchUnit = 0x25

	// driverSense is the kernel's DRIVER_SENSE: sense data is there.
	driverSense = 0x08
)

// scsiReply is what came back for a command.
type scsiReply struct {
	status       uint8
	host, driver uint16
	sense        []byte
	// n is how many bytes of data came.
	n int
}

func inquiryCommand(page byte, allocation int) []byte {
	command := []byte{0x12, 1 /* EVPD */, page, 0, 0, 0}
	binary.BigEndian.PutUint16(command[3:], uint16(allocation))
	return command
}

// identity judges the reply to an INQUIRY for page 0x83. Only two things are
// certain: a page that names the unit, and the target's own word that there
// is no such unit. All else is unknown: a lost path, a busy target and a
// garbled answer say nothing about the volume.
func (r scsiReply) identity(data []byte) evidence.Identity {
	switch {
	case r.host != 0:
		return unknown("the path failed (host status %#x)", r.host)
	case r.driver != 0 && r.driver != driverSense:
		return unknown("the driver failed (driver status %#x)", r.driver)
	case r.status == statusCheckCondition:
		return r.refusal()
	case r.status != statusGood:
		return unknown("the device answered with SCSI status %#x", r.status)
	}
	return identityFromPage(data[:min(r.n, len(data))])
}

func (r scsiReply) refusal() evidence.Identity {
	s, ok := decodeSense(r.sense)
	if !ok {
		return unknown("the device refused without a reason that can be read (sense %x)", r.sense)
	}
	if s == (sense{keyIllegalRequest, ascNoSuchUnit, 0}) {
		return evidence.Identity{
			Kind: evidence.IdentityGone,
			Why:  "the target says that there is no such logical unit (sense 5/25/00)",
		}
	}
	return unknown("the device refused with sense %s", s)
}

func (r scsiReply) isUnitAttention() bool {
	s, ok := decodeSense(r.sense)
	return r.host == 0 && r.status == statusCheckCondition && ok && s.key == keyUnitAttention
}

// sense is a sense key with its additional code and qualifier.
type sense struct{ key, asc, ascq byte }

func (s sense) String() string { return fmt.Sprintf("%x/%02x/%02x", s.key, s.asc, s.ascq) }

// decodeSense reads sense data of either format. Deferred errors (0x71 and
// 0x73) are refused: they are about an earlier command.
func decodeSense(b []byte) (sense, bool) {
	switch {
	case len(b) >= 14 && b[0]&0x7f == 0x70 && b[7] >= 6: // fixed format; byte 7 counts the bytes that follow it
		return sense{b[2] & 0xf, b[12], b[13]}, true
	case len(b) >= 4 && b[0]&0x7f == 0x72: // descriptor format
		return sense{b[1] & 0xf, b[2], b[3]}, true
	}
	return sense{}, false
}

// identityFromPage reads page 0x83: a header of four bytes, then designators
// of four bytes and their length.
func identityFromPage(page []byte) evidence.Identity {
	if len(page) < 4 {
		return unknown("the device sent %d bytes", len(page))
	}
	// The peripheral qualifier. Linux makes no disk of a unit whose
	// qualifier is not 0 ("connected"), so one that answers otherwise now
	// has lost its unit since.
	if qualifier := page[0] >> 5; qualifier != 0 {
		return evidence.Identity{
			Kind: evidence.IdentityGone,
			Why:  fmt.Sprintf("the target says that no unit is connected here (peripheral qualifier %d)", qualifier),
		}
	}
	if page[1] != pageIdentification {
		return unknown("the device answered with page %#x", page[1])
	}
	end := 4 + int(binary.BigEndian.Uint16(page[2:]))
	if end > len(page) {
		return unknown("the device's page has %d bytes, of which %d came", end, len(page))
	}
	units, err := unitDesignators(page[4:end])
	if err != nil {
		return unknown("%v", err)
	}
	return identityFromUnits(units)
}

// designator is one identifier of the logical unit.
type designator struct {
	naa   bool
	value []byte
}

// unitDesignators returns the identifiers that belong to the logical unit;
// those of its ports and its target stand in the same page.
func unitDesignators(b []byte) ([]designator, error) {
	var units []designator
	for len(b) > 0 {
		if len(b) < 4 || len(b) < 4+int(b[3]) {
			return nil, fmt.Errorf("the device's page ends within an identifier")
		}
		codeSet, association, kind := b[0]&0xf, b[1]>>4&3, b[1]&0xf
		value := b[4 : 4+int(b[3])]
		b = b[4+int(b[3]):]
		if association != 0 {
			continue
		}
		naa := kind == 3
		if naa && (codeSet != 1 || len(value) != 8 && len(value) != 16) {
			return nil, fmt.Errorf("the device's page has a malformed NAA identifier %x", value)
		}
		units = append(units, designator{naa, value})
	}
	return units, nil
}

func identityFromUnits(units []designator) evidence.Identity {
	if len(units) == 0 {
		return unknown("the device named its ports, but not itself")
	}
	var serial evidence.Serial
	for _, u := range units {
		if !u.naa {
			continue
		}
		s, ok := evidence.SerialOf("naa." + hex.EncodeToString(u.value))
		if !ok {
			continue
		}
		if serial != "" && s != serial {
			return unknown("the device named two serials, %s and %s", serial, s)
		}
		serial = s
	}
	id := evidence.Identity{Kind: evidence.IdentityKnown, Serial: serial}
	if serial == "" {
		id.Why = "the device is not a Pure volume"
	}
	return id
}

func unknown(format string, args ...any) evidence.Identity {
	return evidence.Identity{Why: fmt.Sprintf(format, args...)}
}
