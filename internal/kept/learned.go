package kept

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/learn"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/record"
)

// Limits of what is learned from.
const (
	maxExchanges = 20_000
	maxBody      = 64 << 10 // bytes of a body
	maxBodies    = 32 << 20 // bytes of all bodies
)

// observe adds an exchange with the host, or with a host that it named, to those that are learned
// from. It stays in memory.
func (h *Host) observe(answer *http.Response) {
	r := answer.Request
	info := op.Parse(r.Method, r.URL)
	if info.Op == op.External || !strings.HasPrefix(r.URL.Path, "/v2/") && info.Op != op.Token {
		info = op.Info{Method: r.Method}
	}
	x := &record.Exchange{
		Info: info, Host: r.URL.Host, Target: r.URL.RequestURI(), Secure: r.URL.Scheme == "https", Header: r.Header.Clone(),
		RequestBodyCut: true, Status: answer.StatusCode, ResponseHeader: answer.Header.Clone(), ResponseBodyCut: true,
	}
	if x.Header.Get("Authorization") != "" {
		x.Scheme = "Bearer"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.secrets.ofHeader(r.Header, answer)
	if len(h.log) == maxExchanges {
		return
	}
	h.log = append(h.log, x)
	if r.Method == http.MethodHead || answer.StatusCode/100 == 3 {
		return
	}
	x.Open = true
	var body bytes.Buffer
	var size int64
	answer.Body = &passing{ReadCloser: answer.Body, bytes: func(p []byte) error {
		size += int64(len(p))
		body.Write(p[:min(len(p), maxBody-body.Len())])
		return nil
	}, done: func(err error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		x.Open, x.Left, x.ResponseBytes = false, err != nil, size
		if info.Op != op.BlobGet && size <= maxBody && h.captured+int(size) <= maxBodies {
			h.captured += int(size)
			x.ResponseBody, x.ResponseBodyCut = body.Bytes(), false
			h.secrets.ofBody(x.ResponseBody)
		}
	}}
}

// profile returns the profile that the exchanges show, as JSON. It has no times and no numbers of
// exchanges, and without writes it does not depend on their order.
func (h *Host) profile() ([]byte, error) {
	log := make(record.Log, 0, len(h.log))
	writes := false
	for _, x := range h.log {
		writes = writes || x.Op.Write()
		log = append(log, *x)
	}
	if !writes {
		slices.SortStableFunc(log, func(a, b record.Exchange) int {
			return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Target, b.Target), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Status, b.Status))
		})
		// Challenges name the token services, so that they come first.
		slices.SortStableFunc(log, func(a, b record.Exchange) int { return cmp.Compare(challenge(b), challenge(a)) })
	}
	var facts []profiles.Fact
	if result, err := learn.From(mainHost(log), learn.Recording{Name: "kept", Log: log}); err == nil {
		facts = result.Facts
	} // else nothing was asked of the API
	for i := range facts {
		_, form, _ := strings.Cut(facts[i].Source, ": ")
		facts[i].Source = "kept: " + form
	}
	return renderProfile(h.String(), facts, h.secrets)
}

func challenge(x record.Exchange) int {
	if x.Status == http.StatusUnauthorized {
		return 1
	}
	return 0
}

// mainHost returns the host of most requests of the API: other hosts serve content to which it
// redirects.
func mainHost(log record.Log) string {
	counts := map[string]int{}
	best := ""
	for i := range log {
		if log[i].Op == op.Unknown || log[i].Op == op.Token {
			continue
		}
		host := log[i].Host
		if counts[host]++; counts[host] > counts[best] || counts[host] == counts[best] && host < best {
			best = host
		}
	}
	return best
}

// renderProfile returns a profile in the JSON form of YAML, without empty fields. The texts of answers
// to credentials, and facts that contain a secret that has passed, are left out.
func renderProfile(host string, facts []profiles.Fact, passed secrets) ([]byte, error) {
	p := struct {
		Name  string           `json:"name"`
		Title string           `json:"title"`
		Facts []map[string]any `json:"facts"`
	}{"kept", host, []map[string]any{}}
	for _, f := range facts {
		if strings.HasPrefix(f.Trait, "auth.") && f.Answer != nil {
			answer := *f.Answer
			answer.Message, answer.Detail, answer.Body = nil, nil, nil
			f.Answer = &answer
		}
		text, err := json.Marshal(f)
		if err != nil {
			return nil, err
		}
		if passed.isIn(string(text)) {
			continue
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			return nil, err
		}
		p.Facts = append(p.Facts, withoutEmpty(fields))
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(p)
	return text.Bytes(), err
}

// withoutEmpty removes the fields that are null, empty texts, or empty lists.
func withoutEmpty(fields map[string]any) map[string]any {
	for name, value := range fields {
		switch v := value.(type) {
		case nil:
			delete(fields, name)
		case string:
			if v == "" {
				delete(fields, name)
			}
		case []any:
			if len(v) == 0 {
				delete(fields, name)
			}
		}
	}
	return fields
}
