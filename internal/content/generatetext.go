package content

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/ocifake/ocifake/internal/bytesize"
)

// Limits of a text.
const (
	maxGenerate   = 4096 // bytes of the text
	maxReferences = 10_000
	maxLayers     = 1000 // of an image
	maxAllLayers  = 100_000
	maxPlatforms  = 100
	maxAllBytes   = 1 << 40
)

// ParseGenerate parses a description of random content: a pattern of references, followed by
// space-separated options in any order.
//
//	app:{v1..v9} layers=3 size=1MiB platforms=linux/amd64,linux/arm64
//	team-{a,b}/app{,-debug}:{1.0..1.12,latest} seed=7 docker
//
// In a pattern, {a,b,c} expands to each of the words, which may be empty, and {v1..v9} to v1, v2
// and so on; {v01..v12} to v01, v02, … v12. Several braces expand to all combinations. A reference
// is repository:tag, or a repository, with the default tag latest. The options are
//
//	layers=3                  of each image, 1 to 1000; default 3
//	size=1MiB                 of each layer's blob, exactly; at least 1559 bytes are used; default 4KiB
//	platforms=linux/amd64,…   an image for each; several make an index
//	index                     an index in any case; without platforms for linux/amd64 and linux/arm64
//	seed=7                    makes other content; default 0
//	docker                    Docker's media types rather than OCI's
//	annotation.KEY=VALUE      an annotation of the image's or the index's manifest
//
// A value with spaces must be quoted. The content of a reference depends only on the reference, the
// seed and the options. The limits are 10000 references, 100000 layers and 1 TiB.
//
// Errors name the invalid word and the allowed values.
func ParseGenerate(text string) (Generate, error) {
	g := Generate{text: text, options: ImageOptions{Layers: 3, LayerSize: 4096}}
	if len(text) > maxGenerate {
		return Generate{}, fmt.Errorf("%d bytes of text: want %d at most", len(text), maxGenerate)
	}
	pattern, rest := cutSpace(strings.TrimLeft(text, spaces))
	if pattern == "" {
		return Generate{}, errors.New("a reference is missing: want app:v1, or app:{v1..v9}")
	}
	var err error
	if g.references, err = parseReferences(pattern); err != nil {
		return Generate{}, err
	}
	if err := g.parseOptions(rest); err != nil {
		return Generate{}, err
	}
	if err := g.checkAmount(); err != nil {
		return Generate{}, err
	}
	return g, nil
}

const spaces = " \t\r\n"

// cutSpace splits a text at its first space.
func cutSpace(text string) (word, rest string) {
	if i := strings.IndexAny(text, spaces); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// generateOption is an option and a description of its values, which is empty if it takes none.
type generateOption struct {
	name, want string
	set        func(g *Generate, value string) error
}

var generateOptions = []generateOption{
	{"layers", fmt.Sprintf("a number from 1 to %d", maxLayers), func(g *Generate, value string) error {
		n, err := strconv.ParseUint(value, 10, 16)
		g.options.Layers = int(n)
		return cmp.Or(err, within(n, maxLayers))
	}},
	{"size", "a size such as 4096, 1MiB or 1MB, up to 1TiB", func(g *Generate, value string) error {
		n, err := bytesize.Parse(value)
		g.options.LayerSize = min(n, maxAllBytes)
		return cmp.Or(err, within(uint64(n), maxAllBytes))
	}},
	{"platforms", fmt.Sprintf("up to %d different os/architecture or os/architecture/variant, separated by commas", maxPlatforms), setPlatforms},
	{"seed", "a number from 0 to 18446744073709551615", func(g *Generate, value string) (err error) {
		g.options.Seed, err = strconv.ParseUint(value, 10, 64)
		return err
	}},
	{"index", "", func(g *Generate, _ string) error { g.index = true; return nil }},
	{"docker", "", func(g *Generate, _ string) error { g.options.Docker = true; return nil }},
}

var errOutside = errors.New("value out of range")

func within(n, most uint64) error {
	if n < 1 || n > most {
		return errOutside
	}
	return nil
}

func setPlatforms(g *Generate, value string) error {
	seen := make(map[string]bool)
	for s := range strings.SplitSeq(value, ",") {
		p, err := v1.ParsePlatform(s)
		if err != nil || p.OS == "" || p.Architecture == "" || p.String() != s || seen[s] || len(seen) == maxPlatforms {
			return errOutside
		}
		seen[s] = true
		g.options.Platforms = append(g.options.Platforms, s)
	}
	return nil
}

const annotationPrefix = "annotation."

func (g *Generate) parseOptions(text string) error {
	seen := make(map[string]bool)
	for {
		if text = strings.TrimLeft(text, spaces); text == "" {
			return nil
		}
		var w optionWord
		var err error
		if w, text, err = cutOption(text); err != nil {
			return err
		}
		if seen[w.name] {
			return fmt.Errorf("duplicate option %s", w.name)
		}
		seen[w.name] = true
		if err := g.setOption(w); err != nil {
			return err
		}
	}
}

func (g *Generate) setOption(w optionWord) error {
	if key, ok := strings.CutPrefix(w.name, annotationPrefix); ok {
		if key == "" || !w.valued {
			return fmt.Errorf("%s: want annotation.KEY=VALUE", w)
		}
		if g.options.Annotations == nil {
			g.options.Annotations = make(map[string]string)
		}
		g.options.Annotations[key] = w.value
		return nil
	}
	for _, option := range generateOptions {
		switch {
		case option.name != w.name:
			continue
		case option.want == "" && w.valued:
			return fmt.Errorf("%s: want %s without a value", w, w.name)
		case !w.valued && option.want != "" || option.set(g, w.value) != nil:
			return fmt.Errorf("%s: want %s= with %s", w, w.name, option.want)
		}
		return nil
	}
	return fmt.Errorf("%s: unknown option: want %s", w, optionNames())
}

func optionNames() string {
	var names []string
	for _, option := range generateOptions {
		name := option.name
		if option.want != "" {
			name += "="
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ") + " or " + annotationPrefix + "KEY="
}

// optionWord is an option in a text: "name" or "name=value".
type optionWord struct {
	name, value string
	valued      bool
}

func (w optionWord) String() string {
	if !w.valued {
		return strconv.Quote(w.name)
	}
	return strconv.Quote(w.name + "=" + w.value)
}

// cutOption cuts the first option from a text.
func cutOption(text string) (w optionWord, rest string, err error) {
	end := strings.IndexAny(text, "="+spaces)
	if end < 0 || text[end] != '=' {
		w.name, rest = cutSpace(text)
		return w, rest, nil
	}
	w.name, w.valued, text = text[:end], true, text[end+1:]
	if !strings.HasPrefix(text, `"`) {
		w.value, rest = cutSpace(text)
		return w, rest, nil
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return w, "", fmt.Errorf("%s: invalid quoted string: want a Go string literal", w.name)
	}
	rest = text[len(quoted):]
	if rest != "" && !strings.ContainsRune(spaces, rune(rest[0])) {
		return w, "", fmt.Errorf("%s: want a space after the closing quote", w.name)
	}
	w.value, err = strconv.Unquote(quoted)
	return w, rest, err
}

// checkAmount checks the total amount and the combination of options.
func (g Generate) checkAmount() error {
	switch {
	case g.options.Docker && len(g.options.Annotations) > 0:
		return errors.New("docker: Docker's manifests have no annotations: remove docker or annotation.KEY")
	case g.layers() > maxAllLayers:
		return fmt.Errorf("%d references, %d images of %d layers for each: want %d layers at most", len(g.references), len(g.platforms()), g.options.Layers, maxAllLayers)
	case g.size() > maxAllBytes:
		return fmt.Errorf("%d layers of %s: want %s at most", g.layers(), bytesize.Format(g.options.LayerSize), bytesize.Format(maxAllBytes))
	}
	return nil
}
