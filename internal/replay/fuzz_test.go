package replay

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FuzzContents reads a world.json that anybody may have written: the directories of hosts are in that of
// the world.
func FuzzContents(f *testing.F) {
	f.Add([]byte(`{"version":1,"hosts":["ghcr.io"]}`))
	f.Add([]byte(`{"version":1,"shallow":true,"hosts":["registry.example:5000","2001:db8::1","xn--a.b"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseContents(text)
		if err != nil {
			return
		}
		for _, host := range c.Hosts {
			if dir := DirectoryOf(host); !filepath.IsLocal(dir) || strings.ContainsAny(dir, `/\:`) || dir == "." {
				t.Errorf("the directory of %q is %q", host, dir)
			}
		}
	})
}

// FuzzAnswers reads an answers.json that anybody may have written: lists are sorted, as their readers
// need them.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"tags":{"app":["v2","v1"]},"repositories":["b","a"]}`))
	f.Add([]byte(`{"absent":{"":["_catalog"]},"referrers":{"app":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]}}`))
	f.Add([]byte(`{"generated":{"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855":{"size":5000,"seed":1,"repositories":["app"]}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := parseAnswers(text)
		if err != nil {
			return
		}
		for repo, tags := range a.Tags {
			if !slices.IsSorted(tags) {
				t.Errorf("the tags of %s are %q", repo, tags)
			}
		}
		for d, g := range a.Generated {
			if g.Size < 0 || g.Size > MaxGenerated {
				t.Errorf("the layer %s has %d bytes", d, g.Size)
			}
		}
	})
}
