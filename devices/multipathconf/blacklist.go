package multipathconf

import (
	"slices"

	"github.com/pureclean/pureclean/evidence"
)

// Path is what multipath looks at to leave a disk alone.
type Path struct {
	Device
	Name, WWID string
	// Properties are the names of what udev knows of the disk.
	Properties []string
}

// Listed is a line that keeps multipath off a disk.
type Listed struct {
	*Line
	// Words are the line, or the section that names a device.
	Words string
	Hit   evidence.Answer
	// Order is where it stands among all lines of the blacklist.
	Order int
}

// Blacklisted lists the lines that keep multipath off a disk: what they match,
// and no exception of the same kind does.
func (c *Config) Blacklisted(p Path) []Listed {
	all := c.properties(p)
	for _, kind := range []struct{ key, text string }{{"devnode", p.Name}, {"wwid", p.WWID}, {"protocol", p.Protocol}} {
		if kind.text == "" {
			continue
		}
		except := evidence.No
		for _, e := range c.except.patterns[kind.key] {
			except = or(except, e.Match(kind.text))
		}
		for _, b := range c.blacklist.patterns[kind.key] {
			all = listed(all, b.pattern(), b.Match(kind.text).And(not(except)))
		}
	}
	except := evidence.No
	for _, e := range c.except.devices {
		except = or(except, e.match(p.Device))
	}
	for _, b := range c.blacklist.devices {
		if line := b.line(); line != nil {
			all = listed(all, Listed{Line: line, Words: b.words(), Order: line.order}, b.match(p.Device).And(not(except)))
		}
	}
	return all
}

func listed(all []Listed, one Listed, hit evidence.Answer) []Listed {
	if hit.IsNot() {
		return all
	}
	one.Hit = hit
	return append(all, one)
}

func (p pattern) pattern() Listed {
	return Listed{Line: p.Line, Words: p.Key + ` "` + p.Value + `"`, Order: p.order}
}

func (d *listedDevice) words() string {
	words := "device {"
	for _, p := range []*pattern{d.vendor, d.product} {
		if p != nil {
			words += " " + p.pattern().Words
		}
	}
	return words + " }"
}

// properties goes through the properties of a disk in the order of their
// names, as udev hands them out: the first that is in either list decides.
func (c *Config) properties(p Path) []Listed {
	names := slices.Sorted(slices.Values(p.Properties))
	for _, name := range names {
		except := evidence.No
		for _, e := range c.except.patterns["property"] {
			except = or(except, e.Match(name))
		}
		if except.Is() {
			return nil
		}
		for _, b := range c.blacklist.patterns["property"] {
			if hit := b.Match(name).And(not(except)); !hit.IsNot() {
				return listed(nil, b.pattern(), hit)
			}
		}
	}
	return nil
}

// line is where a device of the blacklist is named.
func (d *listedDevice) line() *Line {
	switch {
	case d.vendor != nil && (d.product == nil || d.product.Key != "product_blacklist"):
		return d.vendor.Line
	case d.product != nil:
		return d.product.Line
	}
	return nil
}

func (d *listedDevice) match(of Device) evidence.Answer {
	if d.line() == nil {
		return evidence.No
	}
	answer := evidence.Yes
	if d.vendor != nil {
		answer = answer.And(d.vendor.Match(of.Vendor))
	}
	if d.product != nil {
		answer = answer.And(d.product.Match(of.Product))
	}
	return answer
}

func or(a, b evidence.Answer) evidence.Answer { return not(not(a).And(not(b))) }

func not(a evidence.Answer) evidence.Answer {
	switch a {
	case evidence.Yes:
		return evidence.No
	case evidence.No:
		return evidence.Yes
	default:
		return evidence.Unknown
	}
}
