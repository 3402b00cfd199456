package multipathconf

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// mergeDevices drops the device sections of a file that name no vendor or no
// product, and merges each with a later one of exactly the same names: the
// later one's place and values count, the earlier one fills what it leaves
// open. Those before began are of earlier files.
func (r *reader) mergeDevices(devices []*entry, began int) []*entry {
	read := slices.DeleteFunc(devices[began:], func(e *entry) bool {
		_, vendor := e.text("vendor")
		_, product := e.text("product")
		if !vendor || !product {
			r.fault(e.line, "a device section needs a vendor and a product, so this one does not count")
		}
		return !vendor || !product
	})
	return merged(devices[:began+len(read)], began, true, sameNames)
}

func sameNames(a, b *entry) bool {
	for _, key := range []string{"vendor", "product", "revision"} {
		one, said := a.text(key)
		other, too := b.text(key)
		if said != too || one != other {
			return false
		}
	}
	return true
}

// fill takes what is not said here from an earlier section. For devices the
// old way of asking for queueing is then turned into the new one.
func (e *entry) fill(earlier *entry, device bool) {
	for key, line := range earlier.values {
		if e.values[key] == nil && line.Value != "" {
			e.values[key] = line
		}
	}
	features := e.values["features"]
	if !device || features == nil {
		return
	}
	if e.values["no_path_retry"] == nil && strings.Contains(features.Value, queues) {
		e.values["no_path_retry"] = features.derived("no_path_retry", "queue")
	}
	e.values["features"] = features.derived("features", without(without(features.Value, queues), retains))
}

// derived is what follows from a line, and stands where it stands.
func (l *Line) derived(key, value string) *Line {
	d := *l
	d.Key, d.Value = key, value
	return &d
}

// typed drops sections protocol without a type.
func (r *reader) typed(protocols []*entry) []*entry {
	return slices.DeleteFunc(protocols, func(e *entry) bool {
		_, ok := e.text("type")
		if !ok {
			r.fault(e.line, "a section protocol needs a type that multipath knows, so this one does not count")
		}
		return !ok
	})
}

// productLists puts what device sections name in product_blacklist on the
// blacklist, with the section's vendor. A pattern that is none makes multipath
// refuse all.
func (c *Config) productLists() (bad []Fault) {
	for _, e := range c.devices {
		vendor, product := e.values["vendor"], e.values["product_blacklist"]
		if product == nil {
			continue
		}
		listed := &listedDevice{}
		for i, line := range []*Line{vendor, product} {
			p, err := compileListed(line.Value)
			if err != nil {
				bad = append(bad, Fault{line.File, line.Number, line.Key + ` "` + line.Value + `" is ` + err.Error()})
				continue
			}
			*[]**pattern{&listed.vendor, &listed.product}[i] = &pattern{p, line}
		}
		if listed.vendor != nil && listed.product != nil {
			c.blacklist.devices = append(c.blacklist.devices, listed)
		}
	}
	return bad
}

// finish does what multipath does once all files are read.
func (c *Config) finish() {
	c.protocols = mergedBy("type", c.protocols)
	c.maps = slices.DeleteFunc(c.maps, func(e *entry) bool {
		_, ok := e.text("wwid")
		if !ok {
			c.Faults = append(c.Faults, Fault{e.file, e.line, "a section multipath needs a wwid, so this one does not count"})
		}
		return !ok
	})
	c.maps = mergedBy("wwid", c.maps)
	for line, place := range c.places {
		line.Section = place.name()
	}
	c.nearlyOurs()
	order := map[string]int{}
	for i, f := range c.Faults {
		if _, ok := order[f.File]; !ok {
			order[f.File] = i
		}
	}
	slices.SortStableFunc(c.Faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line))
	})
}

// nearlyOurs tells of device sections that look as if they were meant for a
// FlashArray, and are for nothing that it says of itself.
func (c *Config) nearlyOurs() {
	for _, e := range c.devices {
		vendor, product := e.values["vendor"], e.values["product"]
		if e.builtIn || vendor == nil || !strings.Contains(strings.ToLower(vendor.Value), "pure") || !e.is(FlashArray("")).IsNot() {
			continue
		}
		if plain := strings.ToLower(product.Value); strings.Contains(plain, "flasharray") || strings.HasPrefix(plain, "*") {
			c.Faults = append(c.Faults, Fault{e.file, e.line, fmt.Sprintf(
				"this device section is for no FlashArray, whose vendor is \"PURE\" and product \"FlashArray\": %q and %q do not match both", vendor.Value, product.Value)})
		}
	}
}

// mergedBy merges sections for the same, which a key says.
func mergedBy(key string, all []*entry) []*entry {
	return merged(all, 0, false, func(a, b *entry) bool {
		one, _ := a.text(key)
		other, _ := b.text(key)
		return one == other
	})
}

// merged merges sections for the same into the last of them, those from began on.
func merged(all []*entry, began int, device bool, isSame func(a, b *entry) bool) []*entry {
	for i := 0; i < len(all); i++ {
		for _, later := range all[max(began, i+1):] {
			if !isSame(all[i], later) {
				continue
			}
			later.fill(all[i], device)
			if i < began {
				began--
			}
			all = slices.Delete(all, i, i+1)
			i--
			break
		}
	}
	return all
}

// Device is what multipath looks at to find a device's settings.
type Device struct{ Vendor, Product, Revision, Protocol string }

// FlashArray is a volume of a FlashArray over a protocol: "scsi:iscsi",
// "scsi:fcp", "nvme:tcp" or "nvme:fc". Over NVMe multipath itself puts the
// vendor, takes the controller's model for the product, and looks at no
// revision.
func FlashArray(protocol string) Device {
	if strings.HasPrefix(protocol, "nvme:") {
		return Device{"NVME", "Pure Storage FlashArray", "", protocol}
	}
	return Device{"PURE", "FlashArray", "8888", protocol}
}

// matching are the device sections for a device, the last first.
func (c *Config) matching(d Device) (sure, unsure []*entry) {
	if known, ok := c.matched[d]; ok {
		return known[0], known[1]
	}
	defer func() { c.matched[d] = [2][]*entry{sure, unsure} }()
	for _, e := range slices.Backward(c.devices) {
		switch answer := e.is(d); answer {
		case evidence.Yes:
			sure = append(sure, e)
		case evidence.Unknown:
			unsure = append(unsure, e)
		}
	}
	return sure, unsure
}

// is reports a device section for a device. A pattern that is none matches
// nothing.
func (e *entry) is(d Device) evidence.Answer {
	answer := evidence.Yes
	for key, text := range map[string]string{"vendor": d.Vendor, "product": d.Product, "revision": d.Revision} {
		wanted, said := e.text(key)
		if !said || key == "revision" && text == "" {
			continue
		}
		p, err := compile(wanted)
		if err != nil {
			return evidence.No
		}
		answer = answer.And(p.Match(text))
	}
	if e.someVersions && answer.Is() {
		return evidence.Unknown
	}
	return answer
}

// levels are the places where multipath looks for a key, the first that has it
// counts.
func (c *Config) levels(d Device, key string) (levels, unsure []*entry) {
	if _, ok := global[key]; ok {
		return []*entry{c.defaults}, nil
	}
	if _, ok := ofPaths[key]; ok {
		for _, e := range c.protocols {
			if kind, _ := e.text("type"); kind == d.Protocol {
				levels = append(levels, e)
			}
		}
	}
	levels = append(levels, c.overrides)
	if hasKey(levels, key) {
		return levels, nil
	}
	sure, unsure := c.matching(d)
	return append(append(levels, sure...), c.defaults), unsure
}

func hasKey(levels []*entry, key string) bool {
	return slices.ContainsFunc(levels, func(e *entry) bool { return e.values[key] != nil })
}

// Effective is the line that counts for a device, or multipath's own value,
// with no number. The value is "" where multipath has none either.
func (c *Config) Effective(d Device, key string) Line {
	switch {
	case key == "polling_interval":
		return c.polling()
	case key == "no_path_retry" && c.said(d, key) == nil:
		// The feature stands for it where nobody says it.
		if features := c.said(d, "features"); features != nil && strings.Contains(features.Value, queues) {
			return *features.derived(key, "queue")
		}
	}
	if line := c.said(d, key); line != nil {
		return *line
	}
	return Line{Key: key, Value: defaultValues[key], Meant: true}
}

func (c *Config) said(d Device, key string) *Line {
	levels, _ := c.levels(d, key)
	for _, e := range levels {
		if line := e.values[key]; line != nil {
			return line
		}
	}
	return nil
}

// polling is the interval between checks, which the longest one limits.
func (c *Config) polling() Line {
	said, most := c.defaults.values["polling_interval"], c.defaults.values["max_polling_interval"]
	if most != nil && most.Value == "0" {
		most = nil
	}
	switch {
	case said == nil && most == nil:
		return Line{Key: "polling_interval", Value: defaultValues["polling_interval"], Meant: true}
	case said == nil:
		n, _, _ := integer(most.Value)
		return *most.derived("polling_interval", strconv.FormatInt(max(n/4, 1), 10))
	case most != nil:
		n, _, _ := integer(said.Value)
		if limit, _, _ := integer(most.Value); n > limit {
			return *most.derived("polling_interval", most.Value)
		}
	}
	return *said
}

// Applies reports whether a line counts for a device, or for one map of
// FlashArray: yes when it is the one that does, unknown where a pattern can't
// be followed.
func (c *Config) Applies(d Device, line *Line) evidence.Answer {
	place := c.places[line]
	if place == nil || !line.Meant {
		return evidence.No
	}
	if slices.Contains(c.maps, place) {
		wwid, _ := place.text("wwid")
		serial, ours := evidence.SerialOf(wwid)
		return evidence.AnswerOf(ours && serial.WWID() == wwid && place.values[line.Key] == line)
	}
	_, unsure := c.levels(d, line.Key)
	if said := c.said(d, line.Key); said != nil && said.File == line.File && said.Number == line.Number {
		if place == c.defaults && hasKey(unsure, line.Key) {
			return evidence.Unknown // a device section that may be for it stands above
		}
		return evidence.Yes
	}
	if slices.Contains(unsure, place) && place.values[line.Key] == line {
		return evidence.Unknown
	}
	return evidence.No
}
