package kept

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/strict"
	"github.com/ocifake/ocifake/internal/world"
	"github.com/ocifake/ocifake/op"
)

const (
	worldFile   = "world.json"
	answersFile = "answers.json"
	profileFile = "profile.yaml"

	version  = 1
	maxFile  = 16 << 20 // bytes of each of these files
	maxHosts = 100
)

// contents is the content of world.json.
type contents struct {
	Version int      `json:"version"`
	Shallow bool     `json:"shallow,omitempty"`
	Hosts   []string `json:"hosts"`
}

// answers is the content of answers.json: what a host answered beside its content.
type answers struct {
	Repositories []string                    `json:"repositories,omitempty"` // of the catalog
	Tags         map[string][]string         `json:"tags,omitempty"`         // by repository, whose tags were listed
	Referrers    map[string][]digest.Digest  `json:"referrers,omitempty"`    // by repository: the subjects whose referrers were listed
	Absent       map[string][]string         `json:"absent,omitempty"`       // by repository: paths that were answered 404
	Generated    map[digest.Digest]generated `json:"generated,omitempty"`    // layers that are generated
	Replaced     map[digest.Digest]string    `json:"replaced,omitempty"`     // by the digest of the host: the digest here
}

// generated is a layer that is generated when it is read.
type generated struct {
	Size         int64    `json:"size"`
	Seed         uint64   `json:"seed"`
	Repositories []string `json:"repositories"`
}

// directoryOf returns the name of the directory of a host.
func directoryOf(host string) string { return strings.ReplaceAll(host, ":", "+") }

// parseHost checks the name of a host: "ghcr.io" or "registry.example:5000".
func parseHost(name string) (world.Host, error) {
	hosts, err := world.ParseHosts(name)
	if err != nil {
		return world.Host{}, err
	}
	if len(hosts) != 1 || hosts[0].Profile != "" || hosts[0].String() != name {
		return world.Host{}, fmt.Errorf("%q is not the name of a host", name)
	}
	return hosts[0], nil
}

// readContents reads and checks world.json.
func readContents(root *os.Root) (contents, error) {
	text, err := readFile(root, worldFile)
	if errors.Is(err, fs.ErrNotExist) {
		return contents{}, fmt.Errorf("it is not a kept world: %s is missing", worldFile)
	}
	var c contents
	if err == nil {
		c, err = parseContents(text)
	}
	if err != nil {
		return contents{}, fmt.Errorf("%s: %w", worldFile, err)
	}
	return c, nil
}

func parseContents(text []byte) (contents, error) {
	var c contents
	if err := strict.Decode(text, &c); err != nil {
		return c, err
	}
	switch {
	case c.Version != version:
		return c, fmt.Errorf("version %d is not supported: want %d", c.Version, version)
	case len(c.Hosts) > maxHosts:
		return c, fmt.Errorf("more than %d hosts", maxHosts)
	}
	for i, name := range c.Hosts {
		if _, err := parseHost(name); err != nil {
			return c, err
		}
		if slices.Contains(c.Hosts[:i], name) {
			return c, fmt.Errorf("host %s is there twice", name)
		}
	}
	return c, nil
}

// readFile reads a regular file of bounded size.
func readFile(root *os.Root, name string) ([]byte, error) {
	info, err := root.Lstat(name) // opening a named pipe would block
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file: %v", info.Mode().Type())
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("more than %d bytes", maxFile)
	}
	return text, err
}

// readAnswers reads and checks the answers of a host.
func readAnswers(root *os.Root, name string) (answers, error) {
	text, err := readFile(root, name)
	var a answers
	if err == nil {
		a, err = parseAnswers(text)
	}
	if err != nil {
		return answers{}, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

func parseAnswers(text []byte) (answers, error) {
	var a answers
	if err := strict.Decode(text, &a); err != nil {
		return a, err
	}
	return a, a.check()
}

// maxGenerated is the maximum size in bytes of a layer that is generated: the first request for it
// generates it once more, to verify it.
const maxGenerated = 8 << 30

func (a *answers) check() error {
	slices.Sort(a.Repositories)
	repositories := slices.Clone(a.Repositories)
	for repo, tags := range a.Tags {
		slices.Sort(tags)
		repositories = append(repositories, repo)
		for _, tag := range tags {
			if !op.ValidTag(tag) {
				return fmt.Errorf("%q is not a tag", tag)
			}
		}
	}
	for repo, subjects := range a.Referrers {
		repositories = append(repositories, repo)
		for _, d := range subjects {
			if !op.ValidDigest(d) {
				return fmt.Errorf("%q is not a digest", d)
			}
		}
	}
	for d, g := range a.Generated {
		repositories = append(repositories, g.Repositories...)
		if !op.ValidDigest(d) || g.Size < 0 || g.Size > maxGenerated {
			return fmt.Errorf("the generated layer %q of %d bytes cannot be", d, g.Size)
		}
	}
	for _, repo := range repositories {
		if !op.ValidRepository(repo) {
			return fmt.Errorf("%q is not the name of a repository", repo)
		}
	}
	return nil
}

// writeJSON writes a file that is read in a diff.
func writeJSON(name string, value any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(value); err != nil {
		return err
	}
	if text.Len() > maxFile {
		return fmt.Errorf("%s would have more than %d bytes: keep less at a time", filepath.Base(name), maxFile)
	}
	return writeFile(name, text.Bytes())
}

func writeFile(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
