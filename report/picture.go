package report

import (
	"fmt"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/words"
)

// A picture stands upright, like a chain: LXD's record, the array's volume,
// and each host with its devices, and between them whether they agree. So it
// fits beside the text, on a phone and on paper at the same size. Colour never
// stands alone: a tie that holds is a full line with a tick, a broken one is
// dashed with a cross, an unknown one dotted with a question mark.
const (
	pictureWidth = 400
	spine        = 14 // the line on which the ties' signs stand
	boxPad       = 10
	lineHeight   = 15
	// Widths of one character, generous: nobody knows the reader's fonts.
	proseChar = 7.3
	codeChar  = 7.0
)

// What a picture shows at most of each; the rest is counted.
const (
	mostHosts   = 6
	mostDevices = 4
	mostPaths   = 8
	mostLines   = 4
)

// picture is a drawing: shapes with their places.
type picture struct {
	ID, Title, Desc string
	Width, Height   int
	Boxes           []box
	Lines           []line
	Signs           []sign
	Labels          []label
}

type box struct {
	X, Y, W, H int
	Class      string
}

type line struct {
	X1, Y1, X2, Y2 int
	Class          string
}

// sign is a tick, a cross or a question mark in a circle, or a small dot.
type sign struct {
	X, Y  int
	Class string
	Dot   bool
}

type label struct {
	X, Y  int
	Class string
	// Witness stands before Text, where both fit on a line.
	Witness, Text string
}

// pictures draws each volume once; other findings of the same refer to it.
type pictures struct {
	gallery *diagnose.Gallery
	drawn   map[string]string
}

func newPictures(j Judged) *pictures {
	return &pictures{gallery: diagnose.NewGallery(j.World, j.Policy), drawn: map[string]string{}}
}

// of is the picture of what a finding is about, or the card that has it.
func (p *pictures) of(f diagnose.Finding, id string) (*picture, string) {
	portrait, ok := p.gallery.Finding(f)
	if !ok {
		return nil, ""
	}
	if card := p.drawn[portrait.Key]; card != "" {
		return nil, card
	}
	p.drawn[portrait.Key] = id
	return draw(portrait, id), ""
}

// tieClass is how a tie looks.
func tieClass(a evidence.Answer) string {
	return map[evidence.Answer]string{evidence.Yes: "yes", evidence.No: "no", evidence.Unknown: "unknown"}[a]
}

// pen draws downwards.
type pen struct {
	*picture
	y int
}

func draw(p diagnose.Portrait, id string) *picture {
	name := p.Array.Title
	if !p.Array.Has.Is() {
		name = p.Record.Title
		if !p.Record.Has.Is() && len(p.Hosts) > 0 && len(p.Hosts[0].Devices) > 0 {
			name = p.Hosts[0].Devices[0].Name
		}
	}
	d := &pen{picture: &picture{ID: id, Title: "What each source has of " + text(name), Desc: describe(p), Width: pictureWidth}}
	d.panel(p.Record, 0)
	d.tie(p.RecordTie, d.y)
	d.panel(p.Array, 0)
	from := d.y
	hosts := first(p.Hosts, mostHosts)
	indent := 0
	if len(hosts) > 1 {
		indent = 2 * spine
	}
	for _, h := range hosts {
		d.tie(h.Tie, from)
		from = d.y
		if indent > 0 {
			from = d.lastSign() // the line goes on beside the box
		}
		d.host(h, indent)
	}
	for _, stray := range first(p.Strays, mostHosts) {
		d.tie(diagnose.Tie{Agrees: evidence.No, Words: stray.Words}, d.y)
		d.panel(stray.Array, 0)
	}
	d.rest(p, len(p.Hosts)-len(hosts))
	d.Height = d.y + 2
	return d.picture
}

// first are the first of them, so many at most.
func first[T any](all []T, most int) []T { return all[:min(len(all), most)] }

// lastSign is where the next piece of the line begins.
func (d *pen) lastSign() int { return d.Signs[len(d.Signs)-1].Y + 9 }

// panel draws what one witness has.
func (d *pen) panel(p diagnose.Panel, indent int) {
	top := d.y
	d.y += boxPad + 9
	who, title, class := text(p.Witness), text(p.Title), "name"
	if !p.Has.Is() {
		class = "none"
	}
	if room := float64(pictureWidth - indent - 2*boxPad); float64(width(who)+1+width(title))*proseChar < room && title != "" {
		d.Labels = append(d.Labels, label{boxPad + indent, d.y, class, who, title})
		d.y += lineHeight
	} else {
		d.lines(boxPad+indent, "witness", who)
		d.lines(boxPad+indent, class, title)
	}
	for _, l := range p.Lines {
		d.lines(boxPad+indent, "code", text(l))
	}
	d.y -= 4
	d.Boxes = append(d.Boxes, box{1 + indent, top + 1, pictureWidth - 2 - indent, d.y - top, "box has-" + tieClass(p.Has)})
	d.y++
}

// tie draws whether two of them agree, on the line from above.
func (d *pen) tie(t diagnose.Tie, from int) {
	class := tieClass(t.Agrees)
	d.y += 22
	sign := sign{X: spine, Y: d.y - 4, Class: class}
	d.Lines = append(d.Lines, line{spine, from, spine, sign.Y - 9, class})
	d.Signs = append(d.Signs, sign)
	d.lines(2*spine+4, "tie "+class, text(t.Words))
	end := d.y - 3
	d.Lines = append(d.Lines, line{spine, sign.Y + 9, spine, end, class})
	d.y = end
}

func (d *pen) host(h diagnose.HostPortrait, indent int) {
	top := d.y
	d.y += boxPad + 9
	d.lines(boxPad+indent, "witness", text("host "+h.Name))
	for _, device := range first(h.Devices, mostDevices) {
		d.device(device, boxPad+indent)
	}
	d.more(boxPad+indent, len(h.Devices)-mostDevices)
	if len(h.Devices) == 0 && !h.Unread {
		d.lines(boxPad+indent, "none", "no device")
	}
	d.y += 5
	class := tieClass(h.Use.Agrees)
	d.Signs = append(d.Signs, sign{X: boxPad + indent + 5, Y: d.y - 4, Class: class})
	d.lines(boxPad+indent+20, "tie "+class, text(h.Use.Words))
	d.y -= 4
	d.Boxes = append(d.Boxes, box{1 + indent, top + 1, pictureWidth - 2 - indent, d.y - top, "box has-yes"})
	d.y++
}

// device draws a map as a branch with its paths as leaves.
func (d *pen) device(p diagnose.DevicePortrait, x int) {
	head := text(p.Name)
	if p.Kind == "disk" {
		for i, path := range p.Paths {
			note := text(p.Note)
			if i > 0 {
				note = "" // a path that should be there and is not
			}
			d.path(path, x, note)
		}
		return
	}
	if p.Kind == "map" {
		head = "map " + head
	}
	if p.Note != "" {
		head += ", " + text(p.Note)
	}
	d.lines(x, "name", head)
	trunk, last := d.y-lineHeight+5, d.y
	for _, path := range first(p.Paths, mostPaths) {
		last = d.y - 4
		d.Lines = append(d.Lines, line{x + 4, last, x + 12, last, "leaf"})
		d.path(path, x+16, "")
	}
	d.more(x+16, len(p.Paths)-mostPaths)
	if len(p.Paths) > 0 {
		d.Lines = append(d.Lines, line{x + 4, trunk, x + 4, last, "leaf"})
	}
}

func (d *pen) path(p diagnose.PathPortrait, x int, note string) {
	class := tieClass(p.Live)
	d.Signs = append(d.Signs, sign{X: x + 4, Y: d.y - 4, Class: class, Dot: true})
	line := text(p.Name)
	for _, more := range []string{note, text(p.Words)} {
		if more != "" {
			line += ", " + more
		}
	}
	d.lines(x+14, "code path-"+class, line)
}

// rest says in words who else was asked.
func (d *pen) rest(p diagnose.Portrait, left int) {
	d.y += 4
	if left > 0 {
		d.note("unknown", fmt.Sprintf("and %s that are not drawn", words.Count(left, "host")))
	}
	if len(p.Unread) > 0 {
		d.note("unknown", "not read: "+some(p.Unread))
	}
	if len(p.Elsewhere) > 0 {
		d.note("yes", some(p.Elsewhere)+": no connection, no device")
	}
}

func (d *pen) note(class, words string) {
	d.y += 18
	d.Signs = append(d.Signs, sign{X: spine, Y: d.y - 4, Class: class})
	d.lines(2*spine+4, "tie "+class, text(words))
	d.y -= lineHeight - 6
}

// more writes how many are not drawn, if any.
func (d *pen) more(x, left int) {
	if left > 0 {
		d.lines(x, "code", fmt.Sprintf("and %d more", left))
	}
}

// lines writes text in as many lines as it needs, and not more than mostLines.
func (d *pen) lines(x int, class, words string) {
	char := proseChar
	if class == "name" || strings.HasPrefix(class, "code") {
		char = codeChar
	}
	room := max(int(float64(pictureWidth-x-boxPad)/char), 8)
	lines := wrap(words, room)
	if len(lines) > mostLines {
		lines = append(lines[:mostLines-1], cut(lines[mostLines-1], room-2)+" …")
	}
	for _, l := range lines {
		d.Labels = append(d.Labels, label{X: x, Y: d.y, Class: class, Text: l})
		d.y += lineHeight
	}
}

// some names at most three and counts the rest.
func some(names []string) string {
	const most = 3
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// describe is the picture in words, for who can't see it.
func describe(p diagnose.Portrait) string {
	said := map[evidence.Answer]string{evidence.Yes: "agrees", evidence.No: "contradicts", evidence.Unknown: "not known"}
	parts := []string{fmt.Sprintf("%s and %s: %s, %s.", p.Record.Witness, p.Array.Witness, said[p.RecordTie.Agrees], p.RecordTie.Words)}
	for _, h := range first(p.Hosts, mostHosts) {
		parts = append(parts, fmt.Sprintf("%s and %s: %s, %s. Use: %s.", p.Array.Witness, h.Name, said[h.Tie.Agrees], h.Tie.Words, h.Use.Words))
	}
	for _, s := range first(p.Strays, mostHosts) {
		parts = append(parts, fmt.Sprintf("%s: %s, contradicts: %s.", s.Array.Witness, s.Array.Title, s.Words))
	}
	return text(strings.Join(parts, " "))
}
