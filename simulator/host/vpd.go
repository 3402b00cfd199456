package host

import (
	"encoding/binary"
	"encoding/hex"
)

// page is a vital product data page: a header of four bytes and the content.
func page(code byte, content []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0, code}, uint16(len(content))), content...)
}

// designator is one identity in page 0x83.
func designator(codeSet, kind byte, id []byte) []byte {
	return append([]byte{codeSet, kind, 0, byte(len(id))}, id...)
}

// serialPage is page 0x80: the volume's serial as text.
func serialPage(serial string) []byte { return page(0x80, []byte(serial)) }

// identityPage is page 0x83: who the logical unit is (NAA and T10 vendor id),
// and who the port and the target are.
func identityPage(serial, iqn string) []byte {
	// A serial that is not hexadecimal gives a shorter id, as a broken device
	// would.
	naa, _ := hex.DecodeString(wwid(serial)[1:])
	content := designator(0x01, 0x03, naa)
	content = append(content, designator(0x02, 0x01, []byte("PURE    FlashArray:"+serial))...)
	content = append(content, designator(0x51, 0x94, []byte{0, 0, 0, 1})...) // relative port
	content = append(content, designator(0x51, 0x95, []byte{0, 0, 0, 0})...) // port group
	content = append(content, designator(0x53, 0xa8, padded(iqn))...)
	return page(0x83, content)
}

// padded ends a name with zeros up to a multiple of four bytes.
func padded(name string) []byte {
	b := append([]byte(name), 0)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
