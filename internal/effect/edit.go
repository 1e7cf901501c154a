package effect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/internal/jsonedit"
	"github.com/ocifake/ocifake/op"
)

// Edit edits the body of an answer.
type Edit struct {
	How string // SettingField, DroppingField, RenamingField or ReplacingText
	EditArgs
	Err error // why Value is missing
}

// EditArgs are the arguments of [Edit].
type EditArgs struct {
	Path   string          `json:"path,omitempty" doc:"path of the fields in the JSON body, as manifests.*.artifactType"`
	Value  json.RawMessage `json:"value,omitempty" doc:"the new value, any JSON"`
	To     string          `json:"to,omitempty" doc:"the new name of the fields"`
	Old    string          `json:"old,omitempty" doc:"text to replace, each time that the body has it"`
	New    string          `json:"new,omitempty" doc:"text in its place"`
	Digest bool            `json:"digest,omitempty" doc:"Docker-Content-Digest and ETag are those of the edited body, not those that the registry sent"`
}

// How an [Edit] changes a body: the names of the effects in text.
const (
	SettingField  = "set-field"
	DroppingField = "drop-field"
	RenamingField = "rename-field"
	ReplacingText = "replace-text"
)

const digestHeader = "Docker-Content-Digest"

func (e Edit) Kind() string { return e.How }

func (e Edit) check() error {
	switch {
	case e.Err != nil:
		return fmt.Errorf("value: %w", e.Err)
	case e.How == SettingField && e.Value == nil:
		return errors.New("value is missing; null is a value")
	case e.How == RenamingField && e.To == "":
		return errors.New("to is missing: want the new name")
	case e.How == ReplacingText && e.Old == "":
		return errors.New("old is missing: want the text to replace")
	case e.How == ReplacingText:
		return nil
	}
	_, err := jsonedit.Parse(e.Path)
	return err
}

func (Edit) actsOn() filter.Ops { return answersWithBody() }

func (Edit) prospect(_ *op.Info, r *http.Request) Prospect { return inBody(r) }

func (e Edit) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	out := &held{ResponseWriter: w}
	out.serve(r, next, func(body []byte) []byte {
		edited, ok := e.edit(body)
		if !ok || !x.act() {
			return body
		}
		h := w.Header()
		if h.Get(lengthHeader) != "" {
			setContentLength(h, int64(len(edited)))
		}
		if e.Digest {
			setDigest(h, edited)
		}
		return edited
	})
}

// edit returns the edited body, and reports whether it differs.
func (e Edit) edit(body []byte) ([]byte, bool) {
	if e.How == ReplacingText {
		return e.replace(body)
	}
	path, err := jsonedit.Parse(e.Path)
	if err != nil {
		return nil, false // check has refused it
	}
	switch e.How {
	case SettingField:
		return path.Set(body, e.Value)
	case DroppingField:
		return path.Drop(body)
	default:
		return path.Rename(body, e.To)
	}
}

func (e Edit) replace(body []byte) ([]byte, bool) {
	n := bytes.Count(body, []byte(e.Old))
	if n == 0 || e.Old == e.New || len(body)+n*(len(e.New)-len(e.Old)) > maxHeld {
		return nil, false
	}
	return bytes.ReplaceAll(body, []byte(e.Old), []byte(e.New)), true
}

// setDigest sets the digest of the body in those fields that have one.
func setDigest(h http.Header, body []byte) {
	old := digest.Digest(h.Get(digestHeader))
	algorithm := digest.Canonical
	if old.Validate() == nil {
		algorithm = old.Algorithm()
	}
	d := string(algorithm.FromBytes(body))
	if old != "" {
		h.Set(digestHeader, d)
	}
	if h.Get("ETag") != "" {
		h.Set("ETag", strconv.Quote(d))
	}
}
