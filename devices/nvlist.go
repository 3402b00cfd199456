package devices

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// zpool is one pool of ZFS's cache file.
type zpool struct {
	name, guid string
	// disks are the paths of its devices; files is set when it has files too.
	disks []string
	files bool
}

// The types of libnvpair's values that are looked into (sys/nvpair.h,
// data_type_t).
const (
	nvUint64    = 8
	nvString    = 9
	nvList      = 19
	nvListArray = 20
)

var errNVList = errors.New("it is no list of name-value pairs in XDR")

// xdr reads a name-value list as libnvpair packs it: a header of four bytes
// (encoding 1 is XDR), and big-endian words.
type xdr struct{ rest []byte }

func (x *xdr) word() (uint32, error) {
	if len(x.rest) < 4 {
		return 0, errNVList
	}
	word := binary.BigEndian.Uint32(x.rest)
	x.rest = x.rest[4:]
	return word, nil
}

func (x *xdr) text() (string, error) {
	size, err := x.word()
	padded := (uint64(size) + 3) &^ 3
	if err != nil || padded > uint64(len(x.rest)) {
		return "", errNVList
	}
	text := string(x.rest[:size])
	x.rest = x.rest[padded:]
	return text, nil
}

// visit is called for each pair. Its value is what is left of the pair.
type visit func(name string, kind, count uint32, value *xdr) error

// list reads one list: version and flags, the pairs, and two empty words.
func (x *xdr) list(each visit) error {
	if _, err := x.word(); err != nil {
		return err
	}
	if _, err := x.word(); err != nil {
		return err
	}
	for {
		before := len(x.rest)
		size, err := x.word()
		if err != nil {
			return err
		}
		if _, err := x.word(); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
		read := before - len(x.rest)
		if int64(size) < int64(read) || int64(size)-int64(read) > int64(len(x.rest)) {
			return errNVList
		}
		pair := xdr{x.rest[:int(size)-read]}
		x.rest = x.rest[int(size)-read:]
		name, errName := pair.text()
		kind, errKind := pair.word()
		count, errCount := pair.word()
		if err := errors.Join(errName, errKind, errCount); err != nil {
			return err
		}
		if err := each(name, kind, count, &pair); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// maxNested bounds the lists within lists.
const maxNested = 16

// parseZpoolCache reads the pools and their devices. A cache file is a list of
// pools, each a list with its "name", "pool_guid" and, at any depth, the
// "type" and the "path" of each device.
func parseZpoolCache(data []byte) ([]zpool, error) {
	if len(data) < 4 || data[0] != 1 {
		return nil, errNVList
	}
	var pools []zpool
	file := xdr{data[4:]}
	err := file.list(func(name string, kind, _ uint32, value *xdr) error {
		if kind != nvList {
			return nil
		}
		p := zpool{name: name}
		if err := p.read(value, 0); err != nil {
			return err
		}
		pools = append(pools, p)
		return nil
	})
	return pools, err
}

// read collects what a list and all within it say.
func (p *zpool) read(value *xdr, depth int) error {
	if depth > maxNested {
		return errNVList
	}
	kindOf, path := "", ""
	err := value.list(func(name string, kind, count uint32, value *xdr) (err error) {
		switch {
		case name == "type" && kind == nvString:
			kindOf, err = value.text()
		case name == "path" && kind == nvString:
			path, err = value.text()
		case name == "pool_guid" && kind == nvUint64 && len(value.rest) >= 8:
			p.guid = strconv.FormatUint(binary.BigEndian.Uint64(value.rest), 10)
		case kind == nvList || kind == nvListArray:
			for ; count > 0 && err == nil; count-- {
				err = p.read(value, depth+1)
			}
		}
		return err
	})
	switch {
	case kindOf == "file":
		p.files = true
	case path != "":
		p.disks = append(p.disks, path)
	}
	return err
}
