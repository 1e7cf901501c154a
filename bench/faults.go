package main

import (
	"fmt"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/recorder"
	serving "github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// faultless is ocifake without a fault engine, but with recording.
var faultless = subject{"faultless", func() (*server, error) {
	store := memstore.New(memstore.Options{})
	return serveRecorded(store, serving.Config{Registry: registry.New(store, registry.Options{})})
}}

// withRules is faultless with a fault engine that has rules.
func withRules(rules ...faults.Rule) []subject {
	return []subject{{"ocifake", func() (*server, error) {
		store := memstore.New(memstore.Options{})
		engine := engine.New(store)
		if err := engine.Add(rules...); err != nil {
			return nil, err
		}
		return serveRecorded(store, serving.Config{
			Registry: registry.New(engine.Store(), registry.Options{}),
			Faults:   engine,
		})
	}}}
}

func serveRecorded(store registry.Store, config serving.Config) (*server, error) {
	config.Recorder = recorder.New(recorder.Options{})
	s, err := serving.Start(config)
	if err != nil {
		return nil, err
	}
	return &server{url: s.URL(), handler: s.Handler(), store: store, close: s.Close}, nil
}

// others are rules that do not match HEAD of the manifest: half of them select other operations,
// the other half other repositories.
func others(n int) []faults.Rule {
	var rules []faults.Rule
	operations := []op.Op{op.BlobGet, op.BlobHead, op.ManifestGet, op.ManifestPut, op.UploadChunk}
	for i := range n / 2 {
		rules = append(rules,
			faults.On(operations[i%len(operations)]).Do(faults.Status(500)),
			faults.On(op.ManifestHead).Repo(fmt.Sprintf("team/other-%d", i)).Do(faults.Status(500)))
	}
	return rules
}
