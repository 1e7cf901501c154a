package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// contents holds the flags of the initial content.
type contents struct {
	load     loads
	generate generates
}

// into loads and generates the content of a store, and returns the first reference, without the
// host of the registry.
func (c *contents) into(ctx context.Context, store registry.Store, sparse bool, log *slog.Logger) (first string, err error) {
	all, err := c.load.into(ctx, store, sparse, log)
	if err != nil {
		return "", err
	}
	for _, g := range c.generate {
		made, err := g.Into(ctx, store)
		if err != nil {
			return "", fmt.Errorf("--generate: %w", err)
		}
		log.Info("generated", "content", len(made))
		all = append(all, made...)
	}
	if len(all) > 0 {
		first = reference(all[0])
	}
	return first, nil
}

// generates is the values of --generate.
type generates []content.Generate

func (g *generates) Type() string   { return "REF [options]" }
func (g *generates) String() string { return "" }

func (g *generates) Set(s string) error {
	made, err := content.ParseGenerate(s)
	*g = append(*g, made)
	return err
}

// loads is the values of --load: paths, each with an optional repository.
type loads []load

type load struct{ repository, path string }

func (l *loads) Type() string   { return "[REPO=]PATH" }
func (l *loads) String() string { return "" }

// Set parses PATH or REPO=PATH. If the text before the first equals sign is not a valid repository
// name, it is part of the path: ./a=b.tar.
func (l *loads) Set(s string) error {
	repository, path, ok := strings.Cut(s, "=")
	if !ok || !op.ValidRepository(repository) {
		repository, path = "", s
	}
	if path == "" {
		return errors.New("want PATH or REPO=PATH")
	}
	*l = append(*l, load{repository, path})
	return nil
}

// into loads and logs all paths in order.
func (l loads) into(ctx context.Context, store registry.Store, sparse bool, log *slog.Logger) (all []content.Loaded, err error) {
	for _, x := range l {
		loaded, err := content.Load(ctx, store, x.path, content.LoadOptions{Repository: x.repository, AllowSparse: sparse})
		if err != nil {
			return nil, fmt.Errorf("--load: %w", err)
		}
		all = append(all, loaded...)
		for _, c := range loaded {
			log.Info("loaded", "path", x.path, "repository", c.Repository, "tags", c.Tags,
				"digest", c.Descriptor.Digest, "mediaType", c.Descriptor.MediaType)
		}
	}
	return all, nil
}

func reference(c content.Loaded) string {
	if len(c.Tags) > 0 {
		return c.Repository + ":" + c.Tags[0]
	}
	return c.Repository + "@" + c.Descriptor.Digest.String()
}
