package devices

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/pureclean/pureclean/evidence"
)

// The fields of a designator in VPD page 0x83 (SPC-4, 7.8.6).
const (
	codeSetBinary  = 1
	designatorNAA  = 3
	associationLUN = 0
)

// naaOf reads the NAA identifiers of the logical unit ("naa.6…") from a page
// 0x83 with its header of four bytes.
func naaOf(page []byte) ([]string, error) {
	if len(page) < 4 || page[1] != 0x83 {
		return nil, fmt.Errorf("it is not a device identification page")
	}
	end := 4 + int(binary.BigEndian.Uint16(page[2:4]))
	if end > len(page) {
		return nil, fmt.Errorf("the page is cut off: %d of %d bytes", len(page), end)
	}
	var found []string
	for rest := page[4:end]; len(rest) > 0; {
		if len(rest) < 4 || len(rest) < 4+int(rest[3]) {
			return nil, fmt.Errorf("a designator is cut off")
		}
		value := rest[4 : 4+int(rest[3])]
		codeSet, association, kind := rest[0]&0x0f, rest[1]>>4&0x03, rest[1]&0x0f
		if codeSet == codeSetBinary && association == associationLUN && kind == designatorNAA {
			found = append(found, "naa."+hex.EncodeToString(value))
		}
		rest = rest[4+len(value):]
	}
	return found, nil
}

// pageWWID is the identifier to show of a page: Pure's if there is one, else
// the first; "" when the page has none.
func pageWWID(page []byte) string {
	found, err := naaOf(page)
	if err != nil || len(found) == 0 {
		return ""
	}
	for _, wwid := range found {
		if _, ok := evidence.SerialOf(wwid); ok {
			return wwid
		}
	}
	return found[0]
}
