package replay

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/strict"
	"github.com/ocifake/ocifake/op"
)

// The files of a kept world, besides those of the layouts.
const (
	WorldFile   = "world.json"
	AnswersFile = "answers.json"
	ProfileFile = "profile.yaml"

	MaxFile = 16 << 20 // bytes of each of these files
)

// Version is the version of the format.
const Version = 1

const maxHosts = 100

// Contents is the content of world.json.
type Contents struct {
	Version int      `json:"version"`
	Shallow bool     `json:"shallow,omitempty"`
	Hosts   []string `json:"hosts"`
}

// Answers is the content of answers.json: what a host answered beside its content.
type Answers struct {
	Repositories []string                    `json:"repositories,omitempty"` // of the catalog
	Tags         map[string][]string         `json:"tags,omitempty"`         // by repository, whose tags were listed
	Referrers    map[string][]digest.Digest  `json:"referrers,omitempty"`    // by repository: the subjects whose referrers were listed
	Absent       map[string][]string         `json:"absent,omitempty"`       // by repository: paths that were answered 404
	Generated    map[digest.Digest]Generated `json:"generated,omitempty"`    // layers that are generated
	Replaced     map[digest.Digest]string    `json:"replaced,omitempty"`     // by the digest of the host: the digest here
}

// Generated is a layer that is generated when it is read.
type Generated struct {
	Size         int64    `json:"size"`
	Seed         uint64   `json:"seed"`
	Repositories []string `json:"repositories"`
}

// DirectoryOf returns the name of the directory of a host.
func DirectoryOf(host string) string { return strings.ReplaceAll(host, ":", "+") }

// ParseHost checks the name of a host: "ghcr.io" or "registry.example:5000".
func ParseHost(name string) (StandIn, error) {
	hosts, err := ParseStandIns(name)
	if err != nil {
		return StandIn{}, err
	}
	if len(hosts) != 1 || hosts[0].Profile != "" || hosts[0].String() != name {
		return StandIn{}, fmt.Errorf("%q is not the name of a host", name)
	}
	return hosts[0], nil
}

// ReadContents reads and checks world.json.
func ReadContents(root *os.Root) (Contents, error) {
	text, err := readFile(root, WorldFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Contents{}, fmt.Errorf("it is not a kept world: %s is missing", WorldFile)
	}
	var c Contents
	if err == nil {
		c, err = parseContents(text)
	}
	if err != nil {
		return Contents{}, fmt.Errorf("%s: %w", WorldFile, err)
	}
	return c, nil
}

func parseContents(text []byte) (Contents, error) {
	var c Contents
	if err := strict.Decode(text, &c); err != nil {
		return c, err
	}
	switch {
	case c.Version != Version:
		return c, fmt.Errorf("version %d is not supported: want %d", c.Version, Version)
	case len(c.Hosts) > maxHosts:
		return c, fmt.Errorf("more than %d hosts", maxHosts)
	}
	for i, name := range c.Hosts {
		if _, err := ParseHost(name); err != nil {
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
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(text) > MaxFile {
		err = fmt.Errorf("more than %d bytes", MaxFile)
	}
	return text, err
}

// readAnswers reads and checks the answers of a host.
func readAnswers(root *os.Root, name string) (Answers, error) {
	text, err := readFile(root, name)
	var a Answers
	if err == nil {
		a, err = parseAnswers(text)
	}
	if err != nil {
		return Answers{}, fmt.Errorf("%s: %w", name, err)
	}
	return a, nil
}

func parseAnswers(text []byte) (Answers, error) {
	var a Answers
	if err := strict.Decode(text, &a); err != nil {
		return a, err
	}
	return a, a.check()
}

// MaxGenerated is the maximum size in bytes of a layer that is generated: the first request for it
// generates it once more, to verify it.
const MaxGenerated = 8 << 30

func (a *Answers) check() error {
	sort.Strings(a.Repositories)
	repositories := slices.Clone(a.Repositories)
	for repo, tags := range a.Tags {
		sort.Strings(tags)
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
		if !op.ValidDigest(d) || g.Size < 0 || g.Size > MaxGenerated {
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
