package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
)

// mutant is one small change of the code.
type mutant struct {
	ID int `json:"-"`
	// Key names it by package, function and text, so that it stays the same
	// while lines move.
	Key     string `json:"key"`
	Package string `json:"package"`
	Func    string `json:"func"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	// Refusal marks that a refusal is taken away: see refusal.go.
	Refusal bool `json:"refusal,omitempty"`
}

// edit puts text around a piece of a file.
type edit struct {
	from, to      int
	before, after string
}

// finder lists the changes of one file.
type finder struct {
	pkg    string
	own    *types.Package
	file   string
	source []byte
	fset   *token.FileSet
	info   *types.Info
	fn     string
	// reasons is set where an empty answer of the function permits; refuses
	// while a condition is changed that must hold, or must not, before anything
	// is permitted: && and ||.
	reasons bool
	refuses token.Token
	// marked are such conditions, and what these are made of.
	marked map[ast.Expr]token.Token

	// lastID is shared by the files of a package, and so are keys.
	lastID *int
	keys   map[string]int

	mutants []mutant
	edits   []edit
}

func (f *finder) text(n ast.Node) string {
	return string(f.source[f.offset(n.Pos()):f.offset(n.End())])
}

func (f *finder) offset(p token.Pos) int { return f.fset.Position(p).Offset }

var blanks = regexp.MustCompile(`\s+`)

// add makes a change, described by format, at a node.
func (f *finder) add(n ast.Node, format string, args ...any) int {
	*f.lastID++
	what := blanks.ReplaceAllString(fmt.Sprintf(format, args...), " ")
	if r := []rune(what); len(r) > 160 {
		what = string(r[:160]) + "…"
	}
	key := fmt.Sprintf("%s.%s: %s", f.pkg, f.fn, what)
	f.keys[key]++
	if again := f.keys[key]; again > 1 {
		key = fmt.Sprintf("%s (%d)", key, again)
	}
	f.mutants = append(f.mutants, mutant{
		ID: *f.lastID, Key: key, Package: f.pkg, Func: f.fn, File: f.file, Line: f.fset.Position(n.Pos()).Line,
	})
	f.mutants[len(f.mutants)-1].Refusal = isRefused(what, f.refuses)
	return *f.lastID
}

// wrap puts text around a node; of what is put around the same node the first
// is the outermost.
func (f *finder) wrap(n ast.Node, before, after string) {
	f.edits = append(f.edits, edit{f.offset(n.Pos()), f.offset(n.End()), before, after})
}

func (f *finder) declaration(d ast.Decl) {
	f.fn, f.reasons = "var", false
	f.marked = map[ast.Expr]token.Token{}
	switch d := d.(type) {
	case *ast.FuncDecl:
		f.fn = d.Name.Name
		if d.Recv != nil && len(d.Recv.List) == 1 {
			f.fn = strings.TrimPrefix(f.text(d.Recv.List[0].Type), "*") + "." + f.fn
		}
		if d.Body == nil {
			return
		}
		f.reasons = givesReasons(d)
	case *ast.GenDecl:
		if d.Tok != token.VAR {
			return
		}
		if names := d.Specs[0].(*ast.ValueSpec).Names; len(d.Specs) == 1 {
			f.fn = names[0].Name
		}
	}
	var around []ast.Node
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case nil:
			around = around[:len(around)-1]
			return true
		case *ast.ArrayType, *ast.FuncType, *ast.StructType, *ast.InterfaceType, *ast.MapType, *ast.ChanType:
			return false // nothing to change in a type
		case *ast.GenDecl:
			if n.Tok != token.VAR {
				return false
			}
		}
		f.node(n, around)
		around = append(around, n)
		return true
	})
}

// node makes the changes of one node; around are those that contain it, the
// innermost last.
func (f *finder) node(n ast.Node, around []ast.Node) {
	var parent ast.Node
	if len(around) > 0 {
		parent = around[len(around)-1]
	}
	switch n := n.(type) {
	case *ast.IfStmt:
		f.mark(n.Cond, n.Body.List)
		f.condition("if", n.Cond, true)
	case *ast.ForStmt:
		if n.Cond != nil {
			f.condition("for", n.Cond, false)
		}
	case *ast.CaseClause:
		if s, ok := grandparent(around).(*ast.SwitchStmt); ok && s.Tag == nil {
			for _, e := range n.List {
				f.mark(e, n.Body)
				f.condition("case", e, false)
			}
		}
		f.statements(n.Body)
	case *ast.BlockStmt:
		f.statements(n.List)
	case *ast.CommClause:
		f.statements(n.Body)
	case *ast.ReturnStmt:
		f.returned(n, parent, around)
	case *ast.BinaryExpr:
		f.binary(n)
	case *ast.CompositeLit:
		f.elements(n, parent)
	}
	if e, ok := n.(ast.Expr); ok {
		f.value(e, parent)
	}
}

// grandparent is the statement around the block that is the innermost node.
func grandparent(around []ast.Node) ast.Node {
	if len(around) < 2 {
		return nil
	}
	return around[len(around)-2]
}

// condition makes one that never holds, and one that always does. Of a || b
// and a && b the one of both that leaving out a or b does not stand for.
func (f *finder) condition(word string, cond ast.Expr, always bool) {
	f.refuses = f.marked[cond]
	defer func() { f.refuses = token.ILLEGAL }()
	op := token.ILLEGAL
	if b, ok := ast.Unparen(cond).(*ast.BinaryExpr); ok {
		op = b.Op
	}
	before, after := "(", ")"
	if op != token.LOR {
		id := f.add(cond, "never: %s %s", word, f.text(cond))
		before, after = fmt.Sprintf("(!%s(%d) && (", on, id), "))"
	}
	if always && op != token.LAND {
		id := f.add(cond, "always: %s %s", word, f.text(cond))
		before, after = fmt.Sprintf("(%s(%d) || %s", on, id, before), after+")"
	}
	f.wrap(cond, before, after)
}

var boundaries = map[token.Token]string{token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">"}

func (f *finder) binary(n *ast.BinaryExpr) {
	switch n.Op {
	case token.LAND, token.LOR:
		if f.marked[n] == n.Op {
			f.refuses = n.Op
		}
		defer func() { f.refuses = token.ILLEGAL }()
		for _, operand := range []ast.Expr{n.X, n.Y} {
			id := f.add(operand, "without %q: %s", f.text(operand), f.text(n))
			before := map[token.Token]string{token.LAND: "(%s(%d) || (", token.LOR: "(!%s(%d) && ("}[n.Op]
			f.wrap(operand, fmt.Sprintf(before, on, id), "))")
		}
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		text := f.text(n)
		if f.info.Types[n].Value != nil || strings.ContainsAny(text, "\n") {
			return
		}
		id := f.add(n, "%s for %s: %s", boundaries[n.Op], n.Op, text)
		f.wrap(n, fmt.Sprintf("(%s(%d) && ((%s) %s (%s)) || !%s(%d) && (", on, id, f.text(n.X), boundaries[n.Op], f.text(n.Y), on, id), "))")
	}
}

// statements leaves each out that can be left out.
func (f *finder) statements(list []ast.Stmt) {
	for _, s := range list {
		if f.keep(s) {
			continue
		}
		id := f.add(s, "left out: %s", f.text(s))
		f.wrap(s, fmt.Sprintf("if !%s(%d) { ", on, id), " }")
	}
}

func (f *finder) keep(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		return !ok || f.ends(call)
	case *ast.DeferStmt:
		return f.ends(s.Call)
	case *ast.IncDecStmt, *ast.SendStmt:
		return false
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			return true
		}
		for _, e := range s.Lhs {
			if x, ok := e.(*ast.Ident); !ok || x.Name != "_" {
				return false
			}
		}
	}
	return true
}

// ends reports a call after which the compiler expects nothing, and those of
// a mutex, without which tests hang or do not notice.
func (f *finder) ends(call *ast.CallExpr) bool {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name == "panic"
	case *ast.SelectorExpr:
		of := f.info.Types[fun.X].Type
		return f.text(fun) == "os.Exit" || of != nil && strings.HasSuffix(of.String(), "sync.Mutex")
	}
	return false
}

// returned turns a returned yes or no around, and an error into none.
func (f *finder) returned(s *ast.ReturnStmt, parent ast.Node, around []ast.Node) {
	for _, e := range s.Results {
		t := f.info.Types[e]
		b, compound := ast.Unparen(e).(*ast.BinaryExpr)
		switch {
		case t.Type == nil:
		case isBool(t.Type):
			if compound && (b.Op == token.LAND || b.Op == token.LOR) {
				continue
			}
			f.negate(e, s)
		case t.Type.String() == "error" && !alone(parent, around):
			id := f.add(e, "no error: %s", f.text(s))
			f.wrap(e, fmt.Sprintf("%s[error](%d, ", pick, id), ", nil)")
		}
	}
}

// negate turns a yes or no around; of is what the change is told by.
func (f *finder) negate(e ast.Expr, of ast.Node) {
	id := f.add(e, "not: %s", f.text(of))
	f.wrap(e, fmt.Sprintf("(%s(%d) != (", on, id), "))")
}

func isBool(t types.Type) bool {
	return types.Identical(t, types.Typ[types.Bool]) || types.Identical(t, types.Typ[types.UntypedBool])
}

// alone reports that a statement is all that an if does: that the if never
// holds is the same change.
func alone(parent ast.Node, around []ast.Node) bool {
	block, ok := parent.(*ast.BlockStmt)
	if !ok || len(block.List) != 1 {
		return false
	}
	_, ok = grandparent(around).(*ast.IfStmt)
	return ok
}

// elements leaves out each of a list that is written down.
func (f *finder) elements(n *ast.CompositeLit, parent ast.Node) {
	if _, pointed := parent.(*ast.UnaryExpr); pointed {
		return
	}
	s, ok := f.info.Types[n].Type.Underlying().(*types.Slice)
	if !ok || len(n.Elts) == 0 || n.Type == nil || types.Identical(s.Elem().Underlying(), types.Typ[types.Byte]) {
		return
	}
	first := *f.lastID + 1
	for _, e := range n.Elts {
		if _, keyed := e.(*ast.KeyValueExpr); keyed {
			return
		}
	}
	for _, e := range n.Elts {
		f.add(e, "without element: %s", f.text(e))
	}
	f.wrap(n, fmt.Sprintf("%s(%d, ", drop, first), ")")
}

// value changes a constant where it is used: an answer becomes its neighbour,
// a duration longer and shorter, a number more and less; and a yes or no that
// is stored or handed on is turned around.
func (f *finder) value(e ast.Expr, parent ast.Node) {
	t := f.info.Types[e]
	if t.Type == nil || !stored(e, parent) && !f.compared(parent) {
		return
	}
	if outer, ok := parent.(ast.Expr); ok && f.info.Types[outer].Value != nil {
		return // a part of a larger constant
	}
	if t.Value == nil {
		if b, ok := e.(*ast.BinaryExpr); ok && isComparison(b.Op) && stored(e, parent) && isBool(t.Type) {
			f.negate(e, e)
		}
		return
	}
	switch {
	case t.Type.String() == "time.Duration":
		if constant.Sign(t.Value) != 0 {
			longer, shorter := f.add(e, "longer: %s", f.text(e)), f.add(e, "shorter: %s", f.text(e))
			f.wrap(e, fmt.Sprintf("%s(%d, %d, ", scale, longer, shorter), ")")
		}
	case t.Value.Kind() == constant.Bool && stored(e, parent) && isBool(t.Type):
		f.negate(e, parent)
	case f.neighbours(e):
	case t.Value.Kind() == constant.Int:
		f.number(e, t, parent)
	}
}

func isComparison(op token.Token) bool {
	return op == token.EQL || op == token.NEQ || boundaries[op] != ""
}

// stored reports an expression whose value goes somewhere: it is returned,
// assigned, handed to a function or part of a literal.
func stored(e ast.Expr, parent ast.Node) bool {
	switch p := parent.(type) {
	case *ast.ReturnStmt:
		// What returned has changed already.
		_, comparison := e.(*ast.BinaryExpr)
		name, ok := e.(*ast.Ident)
		return !comparison && (!ok || name.Name != "true" && name.Name != "false")
	case *ast.ValueSpec:
		return true
	case *ast.CompositeLit:
		return e != p.Type
	case *ast.AssignStmt:
		return slices.Contains(p.Rhs, e)
	case *ast.KeyValueExpr:
		return e == p.Value
	case *ast.CallExpr:
		return slices.Contains(p.Args, e)
	}
	return false
}

// compared reports a constant that something is compared or counted with.
func (f *finder) compared(parent ast.Node) bool {
	p, ok := parent.(*ast.BinaryExpr)
	if !ok || f.info.Types[p].Value != nil {
		return false
	}
	return boundaries[p.Op] != "" || slices.Contains([]token.Token{token.ADD, token.SUB, token.MUL, token.QUO}, p.Op)
}

// number makes a number from 2 on one more and one less; as the argument of a
// function only one that has a name here.
func (f *finder) number(e ast.Expr, t types.TypeAndValue, parent ast.Node) {
	if _, argument := parent.(*ast.CallExpr); argument {
		if _, named := e.(*ast.Ident); !named {
			return
		}
	}
	basic, ok := t.Type.(*types.Basic)
	if !ok || basic.Info()&types.IsInteger == 0 || basic.Info()&types.IsUntyped != 0 {
		return
	}
	if n, exact := constant.Int64Val(t.Value); !exact || n < 2 || n > 1<<40 {
		return
	}
	more, less := f.add(e, "one more: %s", f.text(e)), f.add(e, "one less: %s", f.text(e))
	f.wrap(e, fmt.Sprintf("%s[%s](%d, %d, ", step, basic.Name(), more, less), ")")
}
