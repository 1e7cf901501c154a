package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/recent"
)

// Upload sessions that exist because a request names them.

// maxSessions is the number of sessions that are remembered.
const maxSessions = 10_000

// sessions has the sessions of the Store, by the names that clients have given them.
type sessions struct {
	mu  sync.Mutex
	ids *recent.Map[[2]string, string] // by repository and name
}

func (s *sessions) id(repo, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		return ""
	}
	return s.ids.Get([2]string{repo, name})
}

func (s *sessions) set(repo, name, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = recent.NewMap[[2]string, string](maxSessions)
	}
	s.ids.Set([2]string{repo, name}, id)
}

// sessionID returns the identifier of the session in the Store.
func (c *call) sessionID() string {
	if c.options.dialect.AnySession {
		if id := c.options.speech.sessions.id(c.info.Repo, c.info.Session); id != "" {
			return id
		}
	}
	return c.info.Session
}

// openAnySession begins the session that the request names.
func (c *call) openAnySession() (Upload, error) {
	upload, err := c.store.NewUpload(c.ctx(), c.info.Repo, digest.Canonical)
	if err == nil {
		c.options.speech.sessions.set(c.info.Repo, c.info.Session, upload.ID())
	}
	return upload, err
}

// createRepository makes the repository exist, which a blob does that is deleted again.
func (c *call) createRepository() error {
	if c.exists() {
		return nil
	}
	upload, err := c.store.NewUpload(c.ctx(), c.info.Repo, digest.Canonical)
	if err != nil {
		return c.about(err)
	}
	empty := digest.FromBytes(nil)
	if err := upload.Commit(c.ctx(), Chunk{Body: bytes.NewReader(nil)}, empty); err != nil {
		return errors.Join(c.about(err), unexpected(upload.Cancel(context.WithoutCancel(c.ctx()))))
	}
	err = c.store.DeleteBlob(context.WithoutCancel(c.ctx()), c.info.Repo, empty)
	if errors.Is(err, BlobUnknown) {
		return nil
	}
	return err
}

// configType returns the mediaType of the config of a manifest.
func configType(content []byte) string {
	var m struct {
		Config struct {
			MediaType string `json:"mediaType"`
		} `json:"config"`
	}
	_ = json.Unmarshal(content, &m) // what is no JSON has none
	return m.Config.MediaType
}
