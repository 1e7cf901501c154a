package jsonedit

import (
	"encoding/json"
	"slices"
)

// MaxSize is the maximum size of a text before and after an edit: the size of the largest manifest
// that registries take.
const MaxSize = 4 << 20

// Set replaces the selected values by a JSON value. If the last part of the path is a name that an
// object does not have, Set adds the field at its end. Like the other methods, Set reports false if
// the text does not change: it is not JSON, the path selects nothing, or a size is above [MaxSize].
func (p Path) Set(text, value []byte) ([]byte, bool) {
	return p.edit(text, func(c container, last part) []change {
		var changes []change
		for _, child := range c.children {
			if child.selected {
				changes = append(changes, change{child.value, child.end, value})
			}
		}
		if len(changes) == 0 && c.object && !last.all {
			field := append(quote(last.name), ':')
			field = append(field, value...)
			at := c.start + 1
			if n := len(c.children); n > 0 {
				at, field = c.children[n-1].end, append([]byte{','}, field...)
			}
			changes = append(changes, change{at, at, field})
		}
		return changes
	})
}

// Drop removes the selected fields and elements.
func (p Path) Drop(text []byte) ([]byte, bool) {
	return p.edit(text, func(c container, _ part) []change {
		kept := len(c.children) // the children from here on are dropped, with the comma before them
		for kept > 0 && c.children[kept-1].selected {
			kept--
		}
		var changes []change
		for i, child := range c.children[:kept] {
			if child.selected {
				changes = append(changes, change{child.start, c.children[i+1].start, nil})
			}
		}
		if n := len(c.children); kept < n {
			from := c.children[0].start
			if kept > 0 {
				from = c.children[kept-1].end
			}
			changes = append(changes, change{from, c.children[n-1].end, nil})
		}
		return changes
	})
}

// Rename gives the selected fields another name. The object may have a field with this name
// already, and then has it twice.
func (p Path) Rename(text []byte, name string) ([]byte, bool) {
	return p.edit(text, func(c container, _ part) []change {
		var changes []change
		for _, child := range c.children {
			if child.selected && c.object {
				changes = append(changes, change{child.start, child.name, quote(name)})
			}
		}
		return changes
	})
}

func quote(name string) []byte {
	text, err := Marshal(name)
	if err != nil {
		panic(err) // a string always has JSON
	}
	return text
}

// change replaces text[from:to].
type change struct {
	from, to int
	by       []byte
}

// edit applies a function to the objects and lists that the path leads to, whose children it marks.
// The function returns changes in ascending order.
func (p Path) edit(text []byte, f func(container, part) []change) ([]byte, bool) {
	if len(p) == 0 || len(text) > MaxSize || !json.Valid(text) {
		return nil, false
	}
	var changes []change
	var walk func(at int, p Path)
	walk = func(at int, p Path) {
		c := parseContainer(text, at, p[0])
		if len(p) == 1 {
			changes = append(changes, f(c, p[0])...)
			return
		}
		for _, child := range c.children {
			if child.selected {
				walk(child.value, p[1:])
			}
		}
	}
	walk(skipSpace(text, 0), p)
	return apply(text, changes)
}

func apply(text []byte, changes []change) ([]byte, bool) {
	size := len(text)
	for _, c := range changes {
		if size += len(c.by) - (c.to - c.from); size > 2*MaxSize { // later changes may make it smaller
			return nil, false
		}
	}
	if size > MaxSize {
		return nil, false
	}
	edited, at := make([]byte, 0, size), 0
	for _, c := range changes {
		edited = append(edited, text[at:c.from]...)
		edited = append(edited, c.by...)
		at = c.to
	}
	edited = append(edited, text[at:]...)
	return edited, !slices.Equal(edited, text)
}
