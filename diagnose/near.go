package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// nearest is how many names are offered in the place of one that nobody knows.
const nearest = 5

// near lists a few names that look like what was asked for, the likeliest
// first: those that hold it, those that differ by a slip or two on the whole
// of a spelling, and those of the array's that begin alike, because people cut
// a uuid short.
func (r *resolver) near() []string {
	want := strings.TrimPrefix(r.want[strings.LastIndex(r.want, "::")+1:], ":")
	if len(want) < 3 {
		return nil
	}
	type guess struct {
		name string
		far  int
	}
	var guesses []guess
	consider := func(name string, far int) {
		if far >= 0 && !slices.ContainsFunc(guesses, func(g guess) bool { return g.name == name }) {
			guesses = append(guesses, guess{name, far})
		}
	}
	const prefix = 6
	onArray := func(name string) {
		_, short, found := strings.Cut(lower(name), "::")
		if !found {
			short = lower(name)
		}
		far := farFrom(want, short)
		if far < 0 && len(short) >= prefix && len(want) >= prefix && short[:prefix] == want[:prefix] {
			far = len(want)
		}
		consider(name, far)
	}
	for _, a := range r.f.arrays {
		for i := range a.volumes {
			onArray(a.volumes[i].Name)
		}
		for i := range a.Hosts.Items {
			onArray(a.Hosts.Items[i].Name)
		}
	}
	for record := range evidence.Refs(r.f.records.list) {
		name := record.Pool + "/" + record.Type + "/" + record.Name
		consider(name, farFrom(want, lower(name), lower(record.Pool+"/"+record.Project+"/"+record.Type+"/"+record.Name), lower(record.Type+"/"+record.Name), lower(record.Name)))
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return a.far - b.far })
	return each(guesses[:min(len(guesses), nearest)], func(g guess) string { return g.name })
}

// farFrom is how far what was typed is from the nearest spelling of a name; -1
// is too far for a guess. A quarter of the letters may be wrong, and of the last
// part of a path, too: with another name there it is another object.
func farFrom(typed string, spellings ...string) int {
	best, most := -1, max(len(typed)/4, 1)
	for _, spelling := range spellings {
		if strings.Contains(spelling, typed) {
			return 0
		}
		if max(len(spelling)-len(typed), len(typed)-len(spelling)) > most {
			continue
		}
		last, own := typed[strings.LastIndexByte(typed, '/')+1:], spelling[strings.LastIndexByte(spelling, '/')+1:]
		if Slips(last, own) > max(len(last)/4, 1) {
			continue
		}
		if n := Slips(typed, spelling); n <= most && (best < 0 || n < best) {
			best = n
		}
	}
	return best
}

// Slips counts letters that are wrong, missing or too many, and neighbours
// that changed places, between two words.
func Slips(a, b string) int {
	// before and now are rows of the table of all beginnings of a and b;
	// older is the one before, for neighbours that changed places.
	before, now := make([]int, len(b)+1), make([]int, len(b)+1)
	older := make([]int, len(b)+1)
	for j := range before {
		before[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			now[j] = min(before[j]+1, now[j-1]+1, before[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], older[j-2]+1)
			}
		}
		older, before, now = before, now, older
	}
	return before[len(b)]
}
