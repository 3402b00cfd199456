package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// loaded is a package with everything that could be changed in it.
type loaded struct {
	target
	mutants []mutant
	// overlay is what the go command reads in place of the files by name.
	overlay map[string][]byte
}

// listed is what "go list" says of a package.
type listed struct {
	Dir, ImportPath, Name, Export string
	GoFiles                       []string
}

// load reads a package and the types of what it imports.
func load(ctx context.Context, t target) (*loaded, error) {
	packages, err := goList(ctx, "-deps", "-export", "./"+t.dir)
	if err != nil {
		return nil, err
	}
	exports := map[string]string{}
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
	}
	it := packages[len(packages)-1] // what it depends on comes before it
	fset := token.NewFileSet()
	var files []*ast.File
	sources := map[*ast.File][]byte{}
	for _, name := range it.GoFiles {
		source, err := os.ReadFile(filepath.Join(it.Dir, name))
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(fset, filepath.Join(it.Dir, name), source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files, sources[file] = append(files, file), source
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("nothing is known of package %s", path)
		}
		return os.Open(exports[path])
	})}
	own, err := config.Check(it.ImportPath, fset, files, info)
	if err != nil {
		return nil, err
	}
	p := &loaded{target: t, overlay: map[string][]byte{
		filepath.Join(it.Dir, "mutant_switches.go"): fmt.Appendf(nil, switches, it.Name),
	}}
	last, keys := 0, map[string]int{}
	for _, file := range files {
		name := fset.Position(file.Package).Filename
		f := finder{
			pkg: t.dir, own: own, file: t.dir + "/" + filepath.Base(name), source: sources[file], fset: fset, info: info, lastID: &last, keys: keys,
		}
		for _, d := range file.Decls {
			f.declaration(d)
		}
		p.mutants = append(p.mutants, f.mutants...)
		p.overlay[name] = instrument(f.source, f.edits)
	}
	return p, nil
}

func goList(ctx context.Context, args ...string) ([]listed, error) {
	out, err := goCommand(ctx, append([]string{"list", "-json=Dir,ImportPath,Name,Export,GoFiles"}, args...)...)
	if err != nil {
		return nil, err
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("reading what go list says: %w", err)
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("go list %s: no such package", strings.Join(args, " "))
	}
	return all, nil
}

func goCommand(ctx context.Context, args ...string) ([]byte, error) {
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, said.Bytes())
	}
	return out.Bytes(), nil
}

// choose takes those of the wanted functions, and of these a sample.
func choose(all []mutant, function *regexp.Regexp, o options) []mutant {
	var chosen []mutant
	for _, m := range all {
		if (m.Refusal || !o.refusals) && function.MatchString(m.Func) {
			chosen = append(chosen, m)
		}
	}
	if o.n == 0 || o.n >= len(chosen) {
		return chosen
	}
	rand.New(rand.NewPCG(o.seed, 0)).Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	chosen = chosen[:o.n]
	slices.SortFunc(chosen, func(a, b mutant) int { return a.ID - b.ID })
	return chosen
}
