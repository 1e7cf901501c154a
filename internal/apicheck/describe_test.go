package apicheck_test

import (
	"cmp"
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// counts counts the exported types, functions, and methods of a package. Methods of interfaces are
// not counted.
type counts struct{ types, functions, methods int }

func (c *counts) add(d counts) {
	c.types += d.types
	c.functions += d.functions
	c.methods += d.methods
}

func (c counts) String() string {
	return fmt.Sprintf("%d types, %d functions, %d methods", c.types, c.functions, c.methods)
}

// describe returns a line for each exported name, field and method of a package. It omits the
// experimental names and their members.
func describe(p *types.Package, experimental map[string]bool) (lines []string, n counts) {
	d := describer{pkg: p}
	for _, name := range p.Scope().Names() {
		object := p.Scope().Lookup(name)
		if object.Exported() && !experimental[name] {
			d.object(object, experimental)
		}
	}
	slices.Sort(d.lines)
	return d.lines, d.counts
}

type describer struct {
	pkg    *types.Package
	lines  []string
	counts counts
}

func (d *describer) line(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// text formats a type. Types of other packages are qualified by their full path.
func (d *describer) text(t types.Type) string { return types.TypeString(t, types.RelativeTo(d.pkg)) }

// signature formats the parameters and results of a function.
func (d *describer) signature(s *types.Signature) string {
	var b strings.Builder
	b.WriteString(typeParams(s.TypeParams(), d))
	return b.String() + strings.TrimPrefix(d.text(types.NewSignatureType(nil, nil, nil, s.Params(), s.Results(), s.Variadic())), "func")
}

func (d *describer) object(object types.Object, experimental map[string]bool) {
	switch o := object.(type) {
	case *types.Const:
		d.line("const %s %s = %s", o.Name(), d.text(o.Type()), o.Val().ExactString())
	case *types.Var:
		d.line("var %s %s", o.Name(), d.text(o.Type()))
	case *types.Func:
		d.counts.functions++
		d.line("func %s%s", o.Name(), d.signature(o.Signature()))
	case *types.TypeName:
		d.counts.types++
		d.typeName(o, experimental)
	}
}

func (d *describer) typeName(o *types.TypeName, experimental map[string]bool) {
	named, ok := o.Type().(*types.Named)
	if o.IsAlias() || !ok {
		d.line("type %s = %s", o.Name(), d.text(types.Unalias(o.Type())))
		return
	}
	name := o.Name() + typeParams(named.TypeParams(), d)
	switch u := named.Underlying().(type) {
	case *types.Struct:
		d.fields(name, u)
	case *types.Interface:
		d.elements(name, u)
	default:
		d.line("type %s %s", name, d.text(u))
	}
	d.methods(o.Name(), named, experimental)
}

// fields describes a struct. Whether it has unexported fields matters for literals, conversions and
// comparisons.
func (d *describer) fields(name string, s *types.Struct) {
	hidden := ""
	for field := range s.Fields() {
		switch {
		case !field.Exported():
			hidden = ", with hidden fields"
		case field.Embedded():
			d.line("type %s struct, embeds %s", name, d.text(field.Type()))
		default:
			d.line("type %s struct, %s %s", name, field.Name(), d.text(field.Type()))
		}
	}
	comparable := ""
	if !types.Comparable(s) {
		comparable = ", not comparable"
	}
	d.line("type %s struct%s%s", name, hidden, comparable)
}

func (d *describer) elements(name string, i *types.Interface) {
	hidden := ""
	for m := range i.Methods() {
		if !m.Exported() {
			hidden = ", with hidden methods"
			continue
		}
		d.line("type %s interface, %s%s", name, m.Name(), d.signature(m.Signature()))
	}
	d.line("type %s interface%s", name, hidden)
}

// methods describes the method set of a type, including methods promoted from unexported embedded
// fields: callers do not see a difference.
func (d *describer) methods(name string, named *types.Named, experimental map[string]bool) {
	if types.IsInterface(named) {
		return
	}
	value := types.NewMethodSet(named)
	set := types.NewMethodSet(types.NewPointer(named))
	for m := range set.Methods() {
		f := m.Obj().(*types.Func)
		if !f.Exported() || experimental[name+"."+f.Name()] || promotedByExported(named, m) {
			continue
		}
		receiver := "*" + name
		if value.Lookup(f.Pkg(), f.Name()) != nil {
			receiver = name
		}
		d.counts.methods++
		d.line("func (%s) %s%s", receiver, f.Name(), d.signature(f.Signature()))
	}
}

// promotedByExported reports whether a method is promoted from an exported embedded field, which is
// already described.
func promotedByExported(named *types.Named, m *types.Selection) bool {
	s, ok := named.Underlying().(*types.Struct)
	return ok && len(m.Index()) > 1 && s.Field(m.Index()[0]).Exported()
}

func typeParams(list *types.TypeParamList, d *describer) string {
	if list.Len() == 0 {
		return ""
	}
	var params []string
	for p := range list.TypeParams() {
		params = append(params, p.Obj().Name()+" "+d.text(p.Constraint()))
	}
	return "[" + strings.Join(params, ", ") + "]"
}

// changes returns the added and removed lines. Both inputs are sorted.
func changes(was, is []string) (list []string) {
	for len(was)+len(is) > 0 {
		switch order := compareFirst(was, is); {
		case order < 0:
			list, was = append(list, "- "+was[0]), was[1:]
		case order > 0:
			list, is = append(list, "+ "+is[0]), is[1:]
		default:
			was, is = was[1:], is[1:]
		}
	}
	return list
}

func compareFirst(a, b []string) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(len(b), len(a)) // the longer one goes first
	}
	return strings.Compare(a[0], b[0])
}
