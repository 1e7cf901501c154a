package registry

import (
	"fmt"
	"strings"
	"unicode"
)

// A shape is what the image specification defines about a JSON value. A nil shape
// stands for a value that the specification does not define.
//
// A manifest with a signature has one meaning only if every parser reads the same
// from it. What parsers are known to read differently is invalid:
//
//   - text that is not UTF-8, and escapes of half a surrogate pair (RFC 8259, 8);
//   - a name that an object has twice (RFC 8259, 4);
//   - names that differ only in case, in an object whose names are defined, since
//     many parsers ignore case; so is a defined name that is not written as defined;
//   - null in place of a value that is defined, as "layers": null.
//
// A member that must be there, and whose absence no zero value shows, is required.
type shape struct {
	members map[string]*shape  // of an object, by their defined names
	each    *shape             // of the elements of an array, or of all members of an object
	text    func(string) error // judges a string; nil: any string will do
	folded  map[string]string  // members' names, by what fold makes of them

	required []string // members that must be there
}

var (
	anyValue       = &shape{}
	mediaTypeShape = &shape{text: checkMediaType}

	platformShape = object(map[string]*shape{
		"architecture": anyValue, "os": anyValue, "os.version": anyValue, "os.features": {each: anyValue}, "variant": anyValue,
	}, "architecture", "os")
	manifestShape = manifestOf("size")
	sizelessShape = manifestOf() // whose descriptors need no size
)

// manifestOf returns the shape of a manifest whose descriptors have required members.
func manifestOf(required ...string) *shape {
	descriptor := object(map[string]*shape{
		"mediaType": mediaTypeShape, "digest": anyValue, "size": anyValue, "urls": {each: anyValue}, "annotations": {each: anyValue},
		"data": anyValue, "platform": platformShape, "artifactType": mediaTypeShape,
	}, required...)
	return object(map[string]*shape{
		"schemaVersion": anyValue, "mediaType": mediaTypeShape, "artifactType": mediaTypeShape, "config": descriptor,
		"layers": {each: descriptor}, "manifests": {each: descriptor}, "fsLayers": anyValue,
		"subject": descriptor, "annotations": {each: anyValue},
	})
}

func object(members map[string]*shape, required ...string) *shape {
	s := &shape{members: members, folded: make(map[string]string), required: required}
	for name := range members {
		s.folded[fold(name)] = name
	}
	return s
}

// member returns the shape of a member. seen are the names that the object has had
// before.
func (s *shape) member(name string, seen map[string]string) (*shape, *flaw) {
	id := name
	defined := s != nil && s.members != nil
	if defined {
		id = fold(name)
		if proper, ok := s.folded[id]; ok && proper != name {
			return nil, &flaw{text: fmt.Sprintf("has the name %q: write %q", name, proper)}
		}
	}
	switch before, twice := seen[id]; {
	case twice && before == name:
		return nil, &flaw{text: fmt.Sprintf("has the name %q twice", name)}
	case twice:
		return nil, &flaw{text: fmt.Sprintf("has the names %q and %q, which differ only in case", before, name)}
	}
	seen[id] = name
	switch {
	case s == nil:
		return nil, nil
	case defined:
		return s.members[name], nil
	}
	return s.each, nil
}

// missing returns a flaw if an object with the names seen lacks a required member.
func (s *shape) missing(seen map[string]string) *flaw {
	if s == nil {
		return nil
	}
	for _, name := range s.required {
		if _, ok := seen[fold(name)]; !ok {
			return &flaw{text: "has no " + name}
		}
	}
	return nil
}

// fold maps names that differ only in case to the same text, as encoding/json does.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}

// checkMediaType judges a media type (RFC 6838, 4.2), which has no parameters.
func checkMediaType(s string) error {
	typ, subtype, ok := strings.Cut(s, "/")
	if !ok || !restrictedName(typ) || !restrictedName(subtype) {
		return fmt.Errorf("%q is not a media type: write one as in RFC 6838, 4.2, without parameters", s)
	}
	return nil
}

// restrictedName reports whether s is a restricted-name of RFC 6838, 4.2.
func restrictedName(s string) bool {
	if s == "" || len(s) > 127 || !isAlphanumeric(s[0]) {
		return false
	}
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("!#$&-^_.+", s[i]) < 0 {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
