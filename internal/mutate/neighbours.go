package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// few is of how many constants each is replaced by all others; of more, by
// the next one only.
const few = 3

// neighbours replaces a constant of a type of ours, such as an answer or a
// result, by the others of its type, and reports whether it is one.
func (f *finder) neighbours(e ast.Expr) bool {
	var name *ast.Ident
	qualifier := ""
	switch e := e.(type) {
	case *ast.Ident:
		name = e
	case *ast.SelectorExpr:
		name, qualifier = e.Sel, f.text(e.X)+"."
	default:
		return false
	}
	c, ok := f.info.Uses[name].(*types.Const)
	if !ok {
		return false
	}
	t, ok := c.Type().(*types.Named)
	if !ok || t.Obj().Pkg() == nil || !strings.HasPrefix(t.Obj().Pkg().Path(), module) || c.Pkg() != t.Obj().Pkg() {
		return false
	}
	all := f.constants(c.Pkg(), t)
	at := slices.Index(all, c.Name())
	if at < 0 || len(all) < 2 {
		return false
	}
	others := slices.Concat(all[at+1:], all[:at])
	if len(all) > few {
		others = others[:1]
	}
	before, after := "", ""
	for _, other := range others {
		id := f.add(e, "%s for %s", other, c.Name())
		before, after = fmt.Sprintf("%s(%d, ", pick, id)+before, after+fmt.Sprintf(", %s%s)", qualifier, other)
	}
	f.wrap(e, before, after)
	return true
}

// constants are the names of a type's constants, in the order of their values.
func (f *finder) constants(of *types.Package, t types.Type) []string {
	var all []*types.Const
	for _, name := range of.Scope().Names() {
		c, ok := of.Scope().Lookup(name).(*types.Const)
		if ok && types.Identical(c.Type(), t) && (c.Exported() || of == f.own) {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b *types.Const) int {
		return cmp.Compare(order(a), order(b))
	})
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name()
	}
	return names
}

// order is a text that sorts as values do: the numbers here are small.
func order(c *types.Const) string { return fmt.Sprintf("%20s", c.Val().ExactString()) }
