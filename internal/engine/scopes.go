package engine

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
)

const (
	scopeField = "scope"
	maxForm    = 64 << 10 // bytes of a request for a token
)

// withRealScopes returns a request for a token whose scopes name repositories without
// faults: clients make scopes of the names that they know.
func withRealScopes(names Names, r *http.Request) *http.Request {
	if query := r.URL.Query(); putReal(names, query[scopeField]) {
		u := *r.URL
		u.RawQuery = query.Encode()
		r = r.WithContext(r.Context()) // that of others stays as it is
		r.URL = &u
	}
	if r.Method != http.MethodPost || r.Body == nil {
		return r
	}
	begin, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if form, malformed := url.ParseQuery(string(begin)); err == nil && malformed == nil && len(begin) <= maxForm && putReal(names, form[scopeField]) {
		begin = []byte(form.Encode())
		r = r.WithContext(r.Context())
		r.ContentLength = int64(len(begin))
	}
	body := r.Body
	r = r.WithContext(r.Context())
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(begin), body), body}
	return r
}

// putReal replaces the names in scopes, and reports whether it changed any. A text can
// have several scopes, separated by spaces.
func putReal(names Names, texts []string) (changed bool) {
	for i, text := range texts {
		scopes := strings.Split(text, " ")
		for k, scope := range scopes {
			kind, rest, _ := strings.Cut(scope, ":")
			end := strings.LastIndexByte(rest, ':')
			if end < 0 {
				continue
			}
			if name := withoutFaults(names, rest[:end]); name != rest[:end] {
				scopes[k], changed = kind+":"+name+rest[end:], true
			}
		}
		texts[i] = strings.Join(scopes, " ")
	}
	return changed
}
