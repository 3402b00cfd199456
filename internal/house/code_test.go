package house

import (
	"cmp"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// clock are the names of package time that look at the clock.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// A judgement that depends on when it is made can't be repeated.
func checkClock(s source, wrong report) {
	if s.test || !belowAny(s.dir, judges) {
		return
	}
	s.uses("time", func(at token.Pos, name string, _ []ast.Node) {
		if slices.Contains(clock, name) {
			wrong(at, "%s has no clock, so it may not use time.%s", s.dir, name)
		}
	})
}

// A test that sleeps is slow when it passes and fails on a slow machine.
func checkSleep(s source, wrong report) {
	if !s.test {
		return
	}
	s.uses("time", func(at token.Pos, name string, _ []ast.Node) {
		if name == "Sleep" {
			wrong(at, "a test waits for what it needs, or moves a clock; it does not sleep")
		}
	})
}

// http.DefaultClient has no timeout, follows redirects with the token, and
// is shared with everybody.
func checkDefaultClient(s source, wrong report) {
	s.uses("net/http", func(at token.Pos, name string, _ []ast.Node) {
		if slices.Contains([]string{"DefaultClient", "Get", "Head", "Post", "PostForm"}, name) {
			wrong(at, "http.%s uses the default client: make one with timeouts and its own TLS rules", name)
		}
	})
}

// What runs before main can't be ordered, tested or refused.
func checkInit(s source, wrong report) {
	for _, d := range s.syntax.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			wrong(f.Pos(), "no init functions: call it from where it is needed")
		}
	}
}

// A panic in the middle of a repair leaves the repair in the middle.
func checkPanic(s source, wrong report) {
	if s.test {
		return
	}
	s.walk(func(n ast.Node, _ []ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return
		}
		if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "panic" || len(call.Args) != 1 {
			return
		}
		// net/http's own word for hanging up without a reply.
		if abort, ok := call.Args[0].(*ast.SelectorExpr); ok && abort.Sel.Name == "ErrAbortHandler" {
			return
		}
		wrong(n.Pos(), "return an error instead of panicking")
	})
}

// What a comment says is looked for by the name of what it is about.
func checkComments(s source, wrong report) {
	if s.test {
		return
	}
	for _, d := range s.syntax.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			checkComment(d.Doc, d.Name, wrong)
		case *ast.GenDecl:
			if d.Lparen.IsValid() {
				continue // the comment is about several
			}
			switch spec := d.Specs[0].(type) {
			case *ast.TypeSpec:
				checkComment(d.Doc, spec.Name, wrong)
			case *ast.ValueSpec:
				checkComment(d.Doc, spec.Names[0], wrong)
			}
		}
	}
}

var article = regexp.MustCompile(`^(A|An|The) `)

func checkComment(doc *ast.CommentGroup, name *ast.Ident, wrong report) {
	text := article.ReplaceAllString(doc.Text(), "")
	if rest, ok := strings.CutPrefix(text, name.Name); text != "" && name.Name != "_" && (!ok || rest != "" && !strings.ContainsAny(rest[:1], " \n,:'.(")) {
		wrong(doc.Pos(), "a doc comment begins with the name that it documents, %s", name.Name)
	}
}

// programs are the directories of a package main: ours, the benchmark's, those of
// the proof on a real kernel, the one that breaks the code to try the tests, and the
// one that lists what a release is made of.
var programs = []string{"", "bench", "e2e", "e2e/guest", "internal/mutate"}

// Only main ends the process: what ends it elsewhere skips journals, locks
// and the exit status that was agreed.
func checkExit(s source, wrong report) {
	if s.test || slices.Contains(programs, s.dir) {
		return
	}
	s.uses("os", func(at token.Pos, name string, _ []ast.Node) {
		if name == "Exit" {
			wrong(at, "only main exits")
		}
	})
	s.uses("log", func(at token.Pos, name string, _ []ast.Node) {
		if strings.HasPrefix(name, "Fatal") || strings.HasPrefix(name, "Panic") {
			wrong(at, "log.%s ends the process, which only main does", name)
		}
	})
}

// readers are the rooms that send nothing but GET, and what else they may
// send: where POST stands, it stands beside a path with this end.
var readers = map[string][]string{
	"pure":    {"/login", "/logout"},
	"records": {},
}

// writers are the only files in those rooms that send anything else.
var writers = []string{"pure/writer.go"}

var verbs = []string{"POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"}

func checkReaders(s source, wrong report) {
	for room, posts := range readers {
		if s.test || !below(s.dir, room) || slices.Contains(writers, s.path) {
			continue
		}
		local := s.name("net/http")
		s.walk(func(n ast.Node, around []ast.Node) {
			verb := verbOf(n, local)
			if verb == "" || compared(n, around) || verb == "POST" && beside(around, posts) {
				return
			}
			wrong(n.Pos(), "%s only reads, so it may not send %s here", room, verb)
		})
	}
}

// changing are the names, by package, of what changes something on an array or a
// host, and the rooms that may use them: repair uses it, commands gives it to
// repair.
var (
	changing = map[string][]string{
		"pure":           {"Writer", "OpenWriter"},
		"devices/kernel": {"LiveWriter"},
	}
	changingRooms = []string{"repair", "commands"}
)

func checkChanging(s source, wrong report) {
	if s.test || belowAny(s.dir, changingRooms) {
		return
	}
	for room, names := range changing {
		if s.name(module+"/"+room) == "." {
			wrong(s.syntax.Package, "%s may not import %s without its name", cmp.Or(s.dir, "main"), room)
		}
		s.uses(module+"/"+room, func(at token.Pos, name string, _ []ast.Node) {
			if slices.Contains(names, name) {
				wrong(at, "%s may not use %s.%s: only repair changes an array or a host", cmp.Or(s.dir, "main"), room, name)
			}
		})
	}
}

// verbOf is the writing HTTP method that a node stands for, or "".
func verbOf(n ast.Node, http string) string {
	switch n := n.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && slices.Contains(verbs, strings.ToUpper(text)) {
			return strings.ToUpper(text)
		}
	case *ast.SelectorExpr:
		if x, ok := n.X.(*ast.Ident); ok && http != "" && x.Name == http {
			if verb, ok := strings.CutPrefix(n.Sel.Name, "Method"); ok && slices.Contains(verbs, strings.ToUpper(verb)) {
				return strings.ToUpper(verb)
			}
		}
	}
	return ""
}

// compared reports whether the method is only looked at: in a case, or on a
// side of == or !=.
func compared(n ast.Node, around []ast.Node) bool {
	if len(around) == 0 {
		return false
	}
	switch outer := around[len(around)-1].(type) {
	case *ast.CaseClause:
		for _, e := range outer.List {
			if e == n {
				return true
			}
		}
	case *ast.BinaryExpr:
		return outer.Op == token.EQL || outer.Op == token.NEQ
	}
	return false
}

// beside reports whether the innermost literal or call around a node also
// names a path with one of the ends.
func beside(around []ast.Node, ends []string) bool {
	for i := len(around) - 1; i >= 0; i-- {
		switch around[i].(type) {
		case *ast.CompositeLit, *ast.CallExpr:
			return namesPath(around[i], ends)
		}
	}
	return false
}

func namesPath(in ast.Node, ends []string) bool {
	found := false
	ast.Inspect(in, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				for _, end := range ends {
					found = found || strings.HasSuffix(text, end)
				}
			}
		}
		return true
	})
	return found
}

// writing are the methods of LXD's client that change something.
var writing = regexp.MustCompile(`^(Create|Delete|Update|Rename|Migrate|(Copy|Exec|Console|Rebuild|Export|Refresh)[A-Z]|RawOperation)`)

const lxdClient = "github.com/canonical/lxd/client"

func checkRecords(s source, wrong report) {
	if s.test || !below(s.dir, "records") || s.name(lxdClient) == "" {
		return
	}
	s.walk(func(n ast.Node, _ []ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); ok && writing.MatchString(f.Sel.Name) {
			wrong(f.Pos(), "records only reads, so it may not call %s", f.Sel.Name)
		}
	})
}
