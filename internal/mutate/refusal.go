package main

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// Most changes make words different, or the code stricter than it need be. What
// matters above all is that no refusal can be taken away without a test that
// notices. So these can be tried alone: that a condition never holds after which
// the code returns a refusal, or always after which it permits, and that one of
// its alternatives is left out.

// mark notes a condition, and its alternatives, if what it leads to ends with a
// refusal; and one that leads to a permission, with all that it asks.
func (f *finder) mark(cond ast.Expr, body []ast.Stmt) {
	if len(body) == 0 {
		return
	}
	end, ok := body[len(body)-1].(*ast.ReturnStmt)
	switch {
	case !ok:
	case slices.ContainsFunc(end.Results, f.isRefusal):
		f.markAll(cond, token.LOR)
	case slices.ContainsFunc(end.Results, f.isPermission):
		f.markAll(cond, token.LAND)
	}
}

func (f *finder) markAll(cond ast.Expr, op token.Token) {
	f.marked[cond] = op
	if b, ok := ast.Unparen(cond).(*ast.BinaryExpr); ok && b.Op == op {
		f.marked[b] = op
		f.markAll(b.X, op)
		f.markAll(b.Y, op)
	}
}

// refusals are the answers that permit nothing, by the last part of their names.
var refusals = []string{"Fail", "Uncertain", "No", "Unknown", "false"}

// isRefusal reports a returned value that permits nothing: such an answer, an
// error, or the reason of a function that returns none where it permits.
func (f *finder) isRefusal(e ast.Expr) bool {
	if slices.Contains(refusals, lastName(e)) {
		return true
	}
	t := f.info.Types[e]
	if t.Type == nil || t.IsNil() {
		return false
	}
	return t.Type.String() == "error" || f.reasons && f.text(e) != `""`
}

// permissions are the answers that permit something.
var permissions = []string{"Pass", "Waived", "Yes", "true"}

func (f *finder) isPermission(e ast.Expr) bool {
	return slices.Contains(permissions, lastName(e)) || f.reasons && f.text(e) == `""`
}

func lastName(e ast.Expr) string {
	switch x := ast.Unparen(e).(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

// isRefused reports a change that takes away the refusal whose condition it is in.
func isRefused(what string, op token.Token) bool {
	switch op {
	case token.LOR:
		return strings.HasPrefix(what, "never: ") || strings.HasPrefix(what, "without \"")
	case token.LAND:
		return strings.HasPrefix(what, "always: ") || strings.HasPrefix(what, "without \"")
	}
	return false
}

// givesReasons reports a function with one result, a text that is empty
// somewhere.
func givesReasons(d *ast.FuncDecl) bool {
	r := d.Type.Results
	if r == nil || r.NumFields() != 1 {
		return false
	}
	if name, ok := r.List[0].Type.(*ast.Ident); !ok || name.Name != "string" {
		return false
	}
	gives := false
	ast.Inspect(d.Body, func(n ast.Node) bool {
		if s, ok := n.(*ast.ReturnStmt); ok && len(s.Results) == 1 {
			l, ok := s.Results[0].(*ast.BasicLit)
			gives = gives || ok && l.Value == `""`
		}
		return true
	})
	return gives
}
